// Amounts to choose from fill the field at once; without JavaScript the button asks the server.
document.addEventListener("click", (event) => {
  const preset = event.target.closest("#payment-form button[name=preset]");
  if (preset) {
    event.preventDefault();
    const field = preset.form.elements.amount;
    field.value = preset.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    return;
  }
  const copy = event.target.closest("button[data-copy]");
  if (!copy) return;
  navigator.clipboard.writeText(copy.dataset.copy).then(() => {
    const announcer = document.getElementById("announcer");
    copy.querySelector("span").textContent = copy.dataset.copied;
    if (announcer) announcer.textContent = copy.dataset.copied;
  }, () => select(document.getElementById("pay-code")));
});

// Where the browser does not let us copy, the code is at least marked.
function select(element) {
  getSelection().selectAllChildren(element);
}

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

function show() {
  if (navigator.clipboard) for (const copy of document.querySelectorAll("button[data-copy]")) copy.hidden = false;
  count();
}

show();
setInterval(count, 1000);
// The page's body comes anew when the payment has moved on.
document.addEventListener("htmx:oobAfterSwap", show);

// An answer that did not come is no answer: ask again in a while.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const { elt } = event.detail;
    if (elt.id === "payment-poll") setTimeout(() => htmx.trigger(elt, "again"), 10_000);
  });
}
