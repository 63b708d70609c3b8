// The transactions' filter and pages. Without JavaScript they are ordinary links and a form.

// An address says what is filtered, not what is not.
document.addEventListener("htmx:configRequest", (event) => {
  const { formData } = event.detail;
  for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});

// What had the focus may be gone after a swap, or shut in a closed menu: then the menu has it, or
// the new rows.
let menu = "";
document.addEventListener("focusin", (event) => {
  menu = event.target.closest("details")?.querySelector("summary").id ?? "";
});
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement && document.activeElement !== document.body) return;
  const next = document.getElementById(menu) ?? document.getElementById("transaction-table");
  next?.focus({ preventScroll: true });
});
