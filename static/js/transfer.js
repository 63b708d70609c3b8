// Swap the two accounts at once and keep all else. Without JavaScript the button asks the server.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#transfer-swap");
  if (!button) return;
  event.preventDefault();
  const { from, to } = button.form.elements;
  [from.value, to.value] = [to.value, from.value];
  for (const list of [from, to]) {
    // Disabled options are not sent; this one must be, so that the answer says why it is refused.
    for (const option of list.selectedOptions) option.disabled = false;
    list.dispatchEvent(new Event("change", { bubbles: true }));
  }
});
