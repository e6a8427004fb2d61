// The API try-out page. Text from the server is inserted as text nodes, never as HTML.

// The service may be mounted under a path: all of its addresses are relative to this file's folder.
const at = (path) => new URL(`..${path}`, import.meta.url);
const document_ = await (await fetch(at("/openapi.json"))).json();
const noReferrer = { referrerPolicy: "no-referrer", credentials: "same-origin", cache: "no-store" };
const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  created.append(...children);
  return created;
}

// --- sign-in: cookies of this origin, set by the user of this page ---

function cookie(name) {
  const pair = document.cookie.split("; ").find((text) => text.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}

async function nav() {
  return (await fetch(at("/x/web-interface/nav"), noReferrer)).json();
}

async function showWho() {
  const { data } = await nav();
  byId("who").textContent = data.isLogin ? `mid ${data.mid} ${data.uname}` : "未登录 not signed in";
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  for (const [id, name] of [["sessdata", "SESSDATA"], ["bili_jct", "bili_jct"]]) {
    const value = encodeURIComponent(byId(id).value.trim());
    document.cookie = `${name}=${value}; path=/; SameSite=Strict${value ? "" : "; max-age=0"}`;
  }
  await showWho();
});

// --- operations ---

function fieldsOf(operation) {
  const fields = (operation.parameters ?? []).map((one) => ({ ...one, list: one.style === "form" }));
  const form = operation.requestBody?.content?.["application/x-www-form-urlencoded"];
  for (const [name, schema] of Object.entries(form?.schema.properties ?? {})) {
    const required = form.schema.required.includes(name);
    fields.push({ name, schema, required, description: schema.description, list: schema.type === "array" });
  }
  return fields;
}

function inputOf(field, id) {
  const required = field.required ? { required: "" } : {};
  const choices = field.schema.enum ?? field.schema.anyOf?.find((one) => one.enum)?.enum;
  if (!choices) {
    const input = element("input", { id, name: field.name, ...required, spellcheck: "false", autocomplete: "off" });
    if (field.schema.default !== undefined) input.placeholder = field.schema.default;
    return input;
  }
  const select = element("select", { id, name: field.name, ...required }, element("option", { value: "" }, "–"));
  select.append(...choices.filter((one) => one !== "").map((one) => element("option", { value: one }, `${one}`)));
  return select;
}

// Render an operation's description: paragraphs and one Markdown table.
function described(text) {
  const hint = element("div", { class: "hint" });
  const rows = [];
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("|--"))) {
    if (line.startsWith("|")) rows.push(line.split("|").slice(1, -1).map((one) => one.trim()));
    else hint.append(element("p", {}, line.replaceAll("`", "")));
  }
  const row = (cell, texts) => element("tr", {}, ...texts.map((one) => element(cell, {}, one)));
  const [head, ...rest] = rows;
  const table = element("table", {}, element("thead", {}, row("th", head)));
  table.append(element("tbody", {}, ...rest.map((texts) => row("td", texts))));
  hint.append(table);
  return hint;
}

function render(path, method, operation) {
  const id = operation.operationId;
  const form = element("form", { autocomplete: "off" });
  const own = new Set(["csrf", "wts", "w_rid", "access_key", "appkey", "sign"]); // the page uses the cookie instead
  for (const field of fieldsOf(operation).filter((one) => !own.has(one.name))) {
    const name = `${field.name}${field.required ? " *" : ""}`;
    const hint = field.list ? `${field.description}, comma-joined` : field.description;
    const input = inputOf(field, `${id}.${field.name}`);
    form.append(element("label", {}, name, " ", input, " ", element("span", { class: "hint" }, hint)));
  }
  const line = element("code", { class: "line" });
  const response = element("pre", { class: "answer", tabindex: "0", role: "status", "aria-label": `${id} answer` });
  form.append(element("button", { type: "submit" }, "发送 Send"), element("p", {}, line), response);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    response.textContent = "…";
    try {
      const result = await send(path, method, operation, new FormData(form));
      line.textContent = result.line;
      response.textContent = `HTTP ${result.status}\n${indent(result.text)}`;
    } catch (error) {
      response.textContent = `${error}`;
    }
  });
  const title = element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), " ",
    element("code", {}, path), " ", element("code", { class: "name" }, id), " ", operation.summary);
  return element("details", { id }, title, described(operation.description), form);
}

async function send(template, method, operation, filled) {
  const path = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(filled.get(name)));
  const inPath = new Set((operation.parameters ?? []).filter((one) => one.in === "path").map((one) => one.name));
  let pairs = [...filled.entries()].filter(([name, value]) => value !== "" && !inPath.has(name));
  if ((operation.parameters ?? []).some((one) => one.name === "w_rid")) pairs = await signed(pairs);
  const takesForm = operation.requestBody?.content?.["application/x-www-form-urlencoded"];
  if (takesForm) pairs.push(["csrf", cookie("bili_jct")]);
  const body = new URLSearchParams(pairs);
  const target = method === "get" && pairs.length ? `${path}?${body}` : path;
  const options = { ...noReferrer, method: method.toUpperCase(), body: takesForm ? body : undefined };
  const response = await fetch(at(target), options);
  const shown = takesForm ? `\n${new URLSearchParams(pairs.filter(([name]) => name !== "csrf"))}&csrf=…` : "";
  return { line: `${options.method} ${target}${shown}`, status: response.status, text: await response.text() };
}

// Indent JSON without parsing numbers: a mid may exceed JavaScript's safe integers.
function indent(text) {
  let depth = 0, quoted = false, out = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      out += char;
      if (char === "\\") out += text[++at];
      else if (char === '"') quoted = false;
    } else if (char === "{" || char === "[") {
      const empty = text[at + 1] === (char === "{" ? "}" : "]");
      out += empty ? char + text[++at] : `${char}\n${"  ".repeat(++depth)}`;
    } else if (char === "}" || char === "]") {
      out += `\n${"  ".repeat(--depth)}${char}`;
    } else if (char === ",") {
      out += `,\n${"  ".repeat(depth)}`;
    } else {
      quoted = char === '"';
      out += char === ":" ? ": " : char;
    }
  }
  return out;
}

// --- the wbi signature ---

async function signed(pairs) {
  const { data } = await nav();
  const key = (url) => url.split("/").pop().split(".")[0];
  const both = key(data.wbi_img.img_url) + key(data.wbi_img.sub_url);
  const mixin = document_["x-wbi-mixin"].map((index) => both[index]).join("");
  const all = [...pairs, ["wts", `${Math.floor(Date.now() / 1000)}`]].sort(([a], [b]) => (a < b ? -1 : 1));
  const query = all.map(([name, value]) => `${name}=${encodeURIComponent(value.replace(/[!'()*]/g, ""))}`).join("&");
  return [...all, ["w_rid", md5(query + mixin)]];
}

function md5(text) {
  const bytes = new TextEncoder().encode(text);
  const words = new Uint32Array((((bytes.length + 8) >>> 6) + 1) * 16);
  bytes.forEach((byte, at) => { words[at >> 2] |= byte << (8 * (at % 4)); });
  words[bytes.length >> 2] |= 0x80 << (8 * (bytes.length % 4));
  words[words.length - 2] = bytes.length * 8;
  const shifts = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
  const steps = [(i) => i, (i) => 5 * i + 1, (i) => 3 * i + 5, (i) => 7 * i];
  const mixes = [(b, c, d) => (b & c) | (~b & d), (b, c, d) => (d & b) | (~d & c),
    (b, c, d) => b ^ c ^ d, (b, c, d) => c ^ (b | ~d)];
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let block = 0; block < words.length; block += 16) {
    let [a, b, c, d] = state;
    for (let i = 0; i < 64; i++) {
      const round = i >> 4, shift = shifts[round][i % 4];
      const sine = Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32);
      const sum = (a + mixes[round](b, c, d) + sine + words[block + (steps[round](i) % 16)]) | 0;
      [a, b, c, d] = [d, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0, b, c];
    }
    [a, b, c, d].forEach((word, at) => { state[at] = (state[at] + word) | 0; });
  }
  return state.map((word) => [0, 8, 16, 24].map((by) => ((word >>> by) & 255).toString(16).padStart(2, "0")).join("")).join("");
}

// --- the page ---

const groups = new Map();
for (const [path, methods] of Object.entries(document_.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const [tag] = operation.tags;
    if (!groups.has(tag)) groups.set(tag, element("section", {}, element("h2", {}, tag)));
    groups.get(tag).append(render(path, method, operation));
  }
}
byId("operations").append(...groups.values());
byId("operations").removeAttribute("aria-busy");
await showWho();
