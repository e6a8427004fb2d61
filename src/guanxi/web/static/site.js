// What the pages do beyond htmx. Every page can be read, and its forms sent, without it.

const root = document.documentElement;

// --- times in the person's zone: a cookie names it to the server; until then they are written here ---

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isKnown = root.dataset.zone === zone;

function localise(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const two = (number) => String(number).padStart(2, "0");
    const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
    const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
    const isShort = time.classList.contains("short");
    time.textContent = isShort ? clock : `${day} ${clock}`;
    if (isShort) time.title = `${day} ${clock}`;
  }
}

if (!isKnown && zone) {
  const path = new URL(root.dataset.root, location).pathname;
  document.cookie = `guanxi_zone=${zone}; path=${path.replace(/(.)\/$/, "$1")}; max-age=31536000; SameSite=Lax`;
  document.getElementById("zone").textContent = zone;
  localise(document);
}

// --- buttons that copy the code next to them ---

function ready(within) {
  for (const button of within.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  if (!isKnown) localise(within);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("pre"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  const before = button.textContent;
  button.textContent = "✓";
  setTimeout(() => { button.textContent = before; }, 1200);
});

// --- the chosen entry of a long list is in view ---

for (const chosen of document.querySelectorAll(".entries [aria-current]")) {
  const list = chosen.closest(".entries");
  const top = chosen.offsetTop - list.offsetTop;
  if (top > list.clientHeight - 100) list.scrollTop = top - 60;
}

for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const tabs = tab.closest(".tabs");
  tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
}

// --- a form that comes into the page has the focus ---

document.addEventListener("htmx:after:swap", () => {
  const field = document.querySelector("[data-focus]");
  field?.focus();
  field?.removeAttribute("data-focus");
});

// --- "/" goes to the search of the page ---

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const search = document.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// --- nothing moves under the pointer: what renews itself waits while it is pointed at or focused ---

document.addEventListener("htmx:before:request", (event) => {
  const renewed = event.target.closest?.("[data-calm]");
  if (!renewed) return;
  const calm = document.getElementById(renewed.dataset.calm);
  if (document.hidden || scrollY > 200 || calm?.matches(":hover, :focus-within")) event.preventDefault();
});

document.addEventListener("htmx:after:swap", () => ready(document));
ready(document);

// --- choosing rows: a click with shift chooses all between, and one button all that match ---

let last = null;

function boxes(form) {
  return [...form.querySelectorAll("tbody input[type=checkbox][name=chosen]")];
}

function isWhole(form) {
  return form.elements.whole.value === "1";
}

function count(form) {
  const all = boxes(form);
  const chosen = all.filter((box) => box.checked).length;
  const number = isWhole(form) ? Number(form.dataset.total) : chosen;
  form.querySelector("[data-count]").textContent = number.toLocaleString("en");
  const toggle = form.querySelector("[data-toggle]");
  toggle.checked = chosen > 0 && chosen === all.length;
  toggle.indeterminate = chosen > 0 && chosen < all.length;
  form.querySelector("[data-whole]").hidden = isWhole(form) || !toggle.checked || all.length >= Number(form.dataset.total);
  form.querySelector("[data-none]").hidden = !number;
}

function choose(form, checked, whole = "") {
  form.elements.whole.value = whole;
  for (const box of boxes(form)) box.checked = checked;
  count(form);
}

document.addEventListener("click", (event) => {
  const form = event.target.closest("form[data-chooses]");
  if (!form) return;
  if (event.target.matches("[data-toggle]")) choose(form, event.target.checked);
  else if (event.target.matches("[data-whole]")) choose(form, true, "1");
  else if (event.target.matches("[data-none]")) choose(form, false);
  else if (event.target.matches("input[name=chosen]")) {
    const all = boxes(form);
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((a, b) => a - b);
      for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = event.target;
    if (!event.target.checked) form.elements.whole.value = "";
    count(form);
  }
});

function counted() {
  for (const form of document.querySelectorAll("form[data-chooses]")) {
    form.querySelector("[data-toggle]").hidden = false;
    if (isWhole(form)) choose(form, true, "1");
    else count(form);
  }
}

document.addEventListener("htmx:after:swap", counted);
counted();

// --- rows that are dragged onto a group are put into it, by the plan that the form would make ---

const drops = document.querySelector("[data-drops]");
const planned = document.querySelector("form[data-chooses]");

function movable() {
  for (const row of planned.querySelectorAll("tbody tr:has(input[name=chosen])")) row.draggable = true;
}

function over(on, group) {
  for (const one of drops.querySelectorAll("[data-group]")) one.classList.toggle("over", on && one === group);
}

if (drops && planned) {
  drops.querySelector("[data-drag]").hidden = false;
  movable();
  document.addEventListener("htmx:after:swap", movable);
  planned.addEventListener("dragstart", (event) => {
    const box = event.target.closest?.("tr")?.querySelector("input[name=chosen]");
    if (!box) return;
    if (!box.checked) {
      choose(planned, false);
      box.checked = true;
      count(planned);
    }
    event.dataTransfer.setData("text/plain", box.value);
    event.dataTransfer.effectAllowed = "copy";
  });
  drops.addEventListener("dragover", (event) => {
    const group = event.target.closest("[data-group]");
    over(true, group);
    if (group) event.preventDefault();
  });
  drops.addEventListener("dragleave", () => over(false));
  drops.addEventListener("drop", (event) => {
    const group = event.target.closest("[data-group]");
    if (!group) return;
    event.preventDefault();
    planned.elements.action.value = "add";
    planned.elements.group_name.value = group.dataset.group;
    planned.requestSubmit();
  });
}

// --- server-sent events: the part of the page renews itself; see web/events.py ---

const streams = new Map();

function listen() {
  for (const [element, stream] of streams) {
    if (element.isConnected) continue;
    stream.close();
    streams.delete(element);
  }
  for (const element of document.querySelectorAll("[data-events]")) {
    if (streams.has(element)) continue;
    const stream = new EventSource(element.dataset.events);
    const renew = () => element.dispatchEvent(new CustomEvent("renewed"));
    stream.addEventListener("news", renew);
    stream.addEventListener("end", () => { stream.close(); renew(); });
    streams.set(element, stream);
  }
}

document.addEventListener("htmx:after:swap", listen);
listen();
