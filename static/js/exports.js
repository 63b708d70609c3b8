// The export is of what the page shows now: filtering swaps the table, not the menu.
for (const form of document.querySelectorAll("form[data-export]")) {
  form.addEventListener("submit", () => {
    if (form.dataset.export === "page") form.elements.query.value = location.search.slice(1);
    form.closest("details").open = false;
  });
}
