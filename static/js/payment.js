// Amounts to choose from fill the field at once; without JavaScript the button asks the server.
document.addEventListener("click", (event) => {
  const preset = event.target.closest("#payment-form button[name=preset]");
  if (!preset) return;
  event.preventDefault();
  const field = preset.form.elements.amount;
  field.value = preset.value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

// How long is left to pay, to the second on the last day.
function count() {
  for (const clock of document.querySelectorAll("[data-countdown]")) {
    const left = Math.floor((new Date(clock.dateTime) - Date.now()) / 1000);
    const two = (number) => String(number).padStart(2, "0");
    const words = clock.dataset;
    clock.hidden = false;
    if (left <= 0) clock.textContent = words.over;
    else if (left >= 2 * 86400) clock.textContent = words.days.replace("%(n)s", Math.floor(left / 86400));
    else {
      const time = `${two(Math.floor(left / 3600))}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
      clock.textContent = words.left.replace("%(time)s", time);
    }
  }
}

count();
setInterval(count, 1000);
// The page's body comes anew when the payment has moved on.
document.addEventListener("htmx:oobAfterSwap", count);

// An answer that did not come is no answer: ask again in a while.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const { elt } = event.detail;
    if (elt.id === "payment-poll") setTimeout(() => htmx.trigger(elt, "again"), 10_000);
  });
}
