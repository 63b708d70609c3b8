// A button that copies what it carries in data-copy, and says so.
document.addEventListener("click", (event) => {
  const copy = event.target.closest("button[data-copy]");
  if (!copy) return;
  navigator.clipboard.writeText(copy.dataset.copy).then(() => {
    const announcer = document.getElementById("announcer");
    copy.querySelector("span").textContent = copy.dataset.copied;
    if (announcer) announcer.textContent = copy.dataset.copied;
    // Where the browser does not let us copy, the text is at least marked.
  }, () => getSelection().selectAllChildren(document.getElementById(copy.dataset.copyOf)));
});

function offerToCopy() {
  if (navigator.clipboard) for (const copy of document.querySelectorAll("button[data-copy]")) copy.hidden = false;
}

offerToCopy();
// Parts of a page come anew.
document.addEventListener("htmx:oobAfterSwap", offerToCopy);
