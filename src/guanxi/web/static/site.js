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
  if (list.scrollHeight > list.clientHeight) list.scrollTop = chosen.offsetTop - list.offsetTop - 80;
}

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

// --- work that runs: its progress arrives as events, and the page is loaded again at its end ---

for (const shown of document.querySelectorAll("[data-events]:not([data-events=''])")) {
  const events = new EventSource(shown.dataset.events);
  const show = (event) => {
    const part = new DOMParser().parseFromString(JSON.parse(event.data).html, "text/html");
    shown.replaceChildren(...part.querySelector(`#${shown.id}`).childNodes);
    ready(shown);
  };
  events.addEventListener("work", show);
  events.addEventListener("ended", (event) => {
    show(event);
    events.close();
    if (!document.querySelector("input:checked, :focus:is(input, textarea)")) location.reload();
  });
}

// --- rows that are chosen: with shift a whole range, also over blocks that were loaded later ---

for (const form of document.querySelectorAll("form[data-choosing]")) {
  const chosen = form.querySelector("[data-chosen]");
  const all = form.elements.namedItem("all");
  let last = null;
  const rows = () => [...form.querySelectorAll("tbody input[name=mid]")];
  const count = () => {
    const marked = rows().filter((row) => row.checked).length;
    const number = all?.checked ? Number(form.dataset.matching) - marked : marked;
    chosen.textContent = number ? `· ✓ ${number.toLocaleString("en")}` : "";
    form.classList.toggle("all-chosen", Boolean(all?.checked));
  };
  form.addEventListener("click", (event) => {
    const row = event.target.closest("tbody input[name=mid]");
    if (!row) return;
    if (event.shiftKey && last) {
      const between = rows();
      const [from, to] = [between.indexOf(last), between.indexOf(row)].sort((a, b) => a - b);
      for (const one of between.slice(from, to + 1)) one.checked = row.checked;
    }
    last = row;
  });
  form.addEventListener("change", count);
  // One field for all: a form has a bound of fields.
  form.addEventListener("formdata", (event) => {
    const mids = event.formData.getAll("mid");
    event.formData.delete("mid");
    event.formData.set("mids", mids.join(","));
  });
  count();
}
