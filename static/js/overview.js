// Keep the overview's figures fresh while it is looked at, without moving anything that is in use.
// The page knows the tag of what it shows and sends it along: 304 says that nothing has moved.
const refresh = document.getElementById("overview-refresh");
let tag = refresh.dataset.tag;
let isWhole = true;
let last = Date.now();
const isRefresh = (event) => event.detail.requestConfig?.elt === refresh;
const here = () => location.pathname + location.search;

function ask() {
  last = Date.now();
  htmx.trigger(refresh, "refresh");
}
const every = Number(refresh.dataset.every) * 1000;
setInterval(() => document.hidden || ask(), every);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() - last >= every) ask();
});

// The address follows sorting, searching and periods: what is asked for is what is shown now.
// Written by us, If-None-Match brings the bare 304 here; pages are never kept by the browser.
refresh.addEventListener("htmx:configRequest", (event) => {
  event.detail.path = here();
  event.detail.headers["If-None-Match"] = tag;
  isWhole = true;
});

// Whether it is an answer of this page to this address, and not of sign-in or of a gateway.
function isOurs(xhr) {
  const answered = new URL(xhr.responseURL || location.href);
  return xhr.getResponseHeader("X-As-Of") !== null
    && answered.pathname + answered.search === here();
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!isRefresh(event)) return;
  const { xhr } = event.detail;
  event.detail.shouldSwap = xhr.status === 200 && isOurs(xhr);
});

// Of the parts, only what has changed is replaced, and nothing that is in use and could not be
// given back: it stays as it is until the next time.
const scrolled = new Map();
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (!target.matches("[data-part]")) return;
  const fresh = fragment.querySelector("[data-part]");
  if (fresh?.dataset.part === target.dataset.part) {
    event.detail.shouldSwap = false;
  } else if (isInUse(target, fragment)) {
    event.detail.shouldSwap = false;
    isWhole = false;
  } else {
    for (const region of target.querySelectorAll("[data-keep-scroll]")) {
      scrolled.set(region.id, [region.scrollLeft, region.scrollTop]);
    }
  }
});
function isInUse(target, fragment) {
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(target, true)) return true;
  const focused = document.activeElement;
  if (!target.contains(focused)) return false;
  // HTMX gives the focus back to the element with the same id.
  return !focused.id || !fragment.querySelector(`#${CSS.escape(focused.id)}`);
}
document.addEventListener("htmx:oobAfterSwap", () => {
  for (const [id, [left, top]] of scrolled) {
    document.getElementById(id)?.scrollTo({ left, top, behavior: "instant" });
  }
  scrolled.clear();
});

// Say as of when the figures are; and quietly, if they could not be asked for.
refresh.addEventListener("htmx:afterRequest", (event) => {
  const { xhr } = event.detail;
  const isFresh = [200, 304].includes(xhr.status) && xhr.getResponseHeader("X-As-Of") !== null;
  document.getElementById("overview-stale").hidden = isFresh;
  // Another address meanwhile: of that it says nothing.
  if (!isFresh || !isOurs(xhr)) return;
  if (xhr.status === 200 && isWhole) tag = xhr.getResponseHeader("ETag");
  const asOf = JSON.parse(xhr.getResponseHeader("X-As-Of"));
  for (const place of document.querySelectorAll("[data-as-of]")) {
    place.textContent = asOf[place.dataset.asOf];
  }
});
