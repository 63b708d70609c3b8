// A select of accounts that can be searched by name and code: an editable combobox with a list, as
// the ARIA Authoring Practices describe it. The select stays in the form and is what is sent;
// without JavaScript it is the field.

const MOST = 50;
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

class Combobox {
  constructor(select) {
    this.select = select;
    this.options = [...select.options].map((option) => {
      const { why = "" } = option.dataset;
      // As billing/fields.py leaves out what can be told from the label.
      const name = option.dataset.name ?? (option.value ? option.text.trim().split(" · ")[0] : "");
      const code = option.dataset.code ?? name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
      return {
        value: option.value,
        // What the label says beyond the name: what can be spent, or why nothing can.
        about: name ? option.text.trim().slice(name.length).replace(/^ · /, "") : "",
        name: name || option.text.trim(),
        code,
        why,
        group: option.parentElement.label ?? "",
        key: fold(`${name} ${code}`),
      };
    });
    this.shown = [];
    this.active = -1;
    this.build();
    this.show();
  }

  build() {
    const { select } = this;
    this.input = document.createElement("input");
    Object.assign(this.input, { type: "text", autocomplete: "off", spellcheck: false });
    this.list = document.createElement("ul");
    this.more = document.createElement("p");
    this.popup = document.createElement("div");
    const root = document.createElement("div");
    root.className = "combobox";
    this.popup.className = "combobox-list";
    this.popup.hidden = true;
    // The field's label, its hint and its errors are about what one now types into.
    this.input.id = select.id;
    select.id += "-select";
    this.list.id = `${this.input.id}-list`;
    for (const name of ["aria-describedby", "aria-invalid", "autofocus"]) {
      if (select.hasAttribute(name)) this.input.setAttribute(name, select.getAttribute(name));
    }
    const about = {
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
    };
    for (const [name, value] of Object.entries(about)) this.input.setAttribute(name, value);
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", select.labels[0]?.textContent.trim() ?? "");
    if (select.options[0]?.value === "") this.input.placeholder = select.options[0].text.trim();
    this.popup.append(this.list, this.more);
    root.append(this.input, this.popup);
    select.before(root);
    select.hidden = true;
    if (this.input.hasAttribute("autofocus")) this.input.focus();

    this.input.addEventListener("input", (event) => {
      // What is typed here is no value yet: forms and previews hear of it when it is chosen.
      event.stopPropagation();
      this.open(this.input.value);
    });
    this.input.addEventListener("change", (event) => event.stopPropagation());
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => this.open(this.typed()));
    this.input.addEventListener("blur", () => this.leave());
    // The list must not take the focus, or the field would be left.
    this.popup.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.choose([...this.list.children].indexOf(item));
    });
    select.addEventListener("change", () => this.show());
  }

  chosen() {
    return this.options.find((option) => option.value === this.select.value) ?? this.options[0];
  }

  // Write what is chosen into the field.
  show() {
    const chosen = this.chosen();
    this.input.value = chosen?.value ? chosen.name : "";
  }

  // What is searched for: nothing while the name of what is chosen stands there.
  typed() {
    return this.input.value === this.chosen()?.name ? "" : this.input.value;
  }

  open(text) {
    const words = fold(text).split(/\s+/).filter(Boolean);
    const found = this.options.filter(
      (option) => option.value && words.every((word) => option.key.includes(word)),
    );
    this.shown = found.slice(0, MOST);
    this.list.replaceChildren(...this.shown.map((option, at) => this.draw(option, at)));
    const { none, more } = this.select.dataset;
    this.more.textContent = found.length ? (found.length > MOST ? more : "") : none;
    this.more.hidden = !this.more.textContent;
    this.popup.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const current = this.shown.findIndex((option) => option.value === this.select.value);
    this.point(text ? this.shown.findIndex((option) => !option.why) : current);
    this.say(found.length ? `${this.select.dataset.found} ${found.length}` : none);
  }

  draw(option, at) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${at}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(option.value === this.select.value));
    if (option.why) item.setAttribute("aria-disabled", "true");
    const part = (tag, text) => {
      const element = document.createElement(tag);
      element.textContent = text;
      return element;
    };
    item.append(part("span", option.name), part("b", option.about));
    const place = option.group.split(",")[0];
    const more = option.why || [option.code, place].filter(Boolean).join(" · ");
    if (more) item.append(part("small", more));
    return item;
  }

  close() {
    this.popup.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  point(at) {
    this.list.children[this.active]?.classList.remove("active");
    this.active = at;
    const item = this.list.children[at];
    if (!item) return this.input.removeAttribute("aria-activedescendant");
    item.classList.add("active");
    item.scrollIntoView({ block: "nearest" });
    return this.input.setAttribute("aria-activedescendant", item.id);
  }

  choose(at) {
    const option = this.shown[at];
    if (!option) return;
    if (option.why) {
      this.point(at);
      this.say(option.why);
      return;
    }
    this.take(option.value);
    this.close();
  }

  take(value) {
    const isNew = this.select.value !== value;
    this.select.value = value;
    this.show();
    if (isNew) this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // Whoever leaves the field has emptied it, has written enough to be understood, or has not.
  leave() {
    const typed = this.typed();
    if (this.input.value.trim() === "") this.take(this.options[0]?.value === "" ? "" : this.select.value);
    else if (typed) {
      const wanted = fold(typed.trim());
      const can = this.options.filter((option) => option.value && !option.why);
      const exact = can.find((each) => [fold(each.name), fold(each.code)].includes(wanted));
      const near = can.filter((option) => option.key.includes(wanted));
      if (exact || near.length === 1) this.take((exact ?? near[0]).value);
      else this.show();
    }
    this.close();
  }

  press(event) {
    const isOpen = !this.popup.hidden;
    const last = this.shown.length - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key in moves && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (!isOpen) {
        this.open(this.typed());
        if (this.active < 0) this.point(event.key === "ArrowUp" ? this.shown.length - 1 : 0);
      } else if (event.altKey && event.key === "ArrowUp") this.close();
      else if (Math.abs(moves[event.key]) === 1) {
        const next = this.active + moves[event.key];
        this.point(next > last ? 0 : next < 0 ? last : next);
      } else this.point(Math.max(0, Math.min(last, this.active + moves[event.key])));
    } else if (event.key === "Enter" && isOpen && this.active >= 0) {
      // The first Enter chooses, the next one sends the form.
      event.preventDefault();
      this.choose(this.active);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.show();
      this.close();
      this.input.select();
    }
  }

  say(text) {
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = text;
  }
}

const made = new WeakMap();

function enhance(root) {
  for (const select of root.querySelectorAll("select[data-combobox]")) {
    if (!made.has(select)) made.set(select, new Combobox(select));
  }
}

enhance(document);
document.addEventListener("htmx:load", (event) => enhance(event.detail.elt.parentElement ?? event.detail.elt));
// The browser may fill the selects in once more when one comes back.
addEventListener("pageshow", () => {
  for (const select of document.querySelectorAll("select[data-combobox]")) made.get(select)?.show();
});
