// What HTML alone cannot do. Every page works without it.

// What the page asks for by itself, in the background: nobody is told, and its own script sees to it.
const isQuiet = (event) => event.detail.requestConfig?.elt?.hasAttribute("data-quiet");

// A session that has ended answers a fragment's request with the sign-in page: go there whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isQuiet(event)) return;
  const answered = event.detail.xhr.responseURL;
  if (answered && new URL(answered).pathname.startsWith("/auth/")) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// Tell readers of the screen what a swap has changed: the new content says it in data-announce.
document.addEventListener("htmx:afterSettle", (event) => {
  if (isQuiet(event)) return;
  const news = event.detail.elt.closest("[data-announce]");
  const announcer = document.getElementById("announcer");
  if (news && announcer) announcer.textContent = news.dataset.announce;
});

// No answer, or a broken one: say so instead of doing nothing.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    if (isQuiet(event)) return;
    const trouble = document.getElementById("trouble");
    if (trouble) trouble.hidden = false;
  });
}
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (isQuiet(event)) return;
  const trouble = document.getElementById("trouble");
  if (trouble && event.detail.successful) trouble.hidden = true;
});

// What a page asks for by itself does not count as somebody being there: see accounts/sign_ins.py.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt?.hasAttribute("data-quiet")) event.detail.headers["X-By-Itself"] = "1";
});

// The address of a search says what is searched for, not what is not.
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.closest?.("form[data-tidy]")) return;
  const { formData } = event.detail;
  for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});

// Menus of <details> close with Escape and by a click elsewhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = event.target.closest?.("details.menu[open], .topbar details[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// A page that the browser kept whole, and shows again by Back, may be of somebody signed out. A
// form with a key stays as it is: sent once more it must be known again.
addEventListener("pageshow", (event) => {
  if (event.persisted && !document.querySelector("input[name=key]")) location.reload();
});
