// Sends the request of an endpoint's page. Text from the server is inserted as text nodes, never as HTML.

// The service may be mounted under a path: all of its addresses are relative to this file's folder.
const at = (path) => new URL(`..${path}`, import.meta.url);
const noReferrer = { referrerPolicy: "no-referrer", credentials: "same-origin", cache: "no-store" };
const byId = (id) => document.getElementById(id);
const { method, path: template, mixin, now } = byId("endpoint").dataset;

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
  byId("who").textContent = data.isLogin ? `mid ${data.mid} ${data.uname}` : "–";
}

byId("sign-in")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  for (const [id, name] of [["sessdata", "SESSDATA"], ["bili_jct", "bili_jct"]]) {
    const value = encodeURIComponent(byId(id).value.trim());
    document.cookie = `${name}=${value}; path=/; SameSite=Strict${value ? "" : "; max-age=0"}`;
  }
  await showWho();
});

// --- the request ---

byId("request").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("result").hidden = false;
  byId("status").textContent = "…";
  try {
    const { line, status, text, milliseconds } = await send(new FormData(event.target));
    byId("line").textContent = line;
    byId("status").textContent = `HTTP ${status} · ${Math.round(milliseconds)} ms`;
    byId("answer").replaceChildren(...highlighted(text));
  } catch (error) {
    byId("status").textContent = `${error}`;
    byId("answer").replaceChildren();
  }
});

async function send(filled) {
  const inPath = new Set();
  const path = template.replace(/\{(\w+)\}/g, (_, name) => {
    inPath.add(name);
    return encodeURIComponent(filled.get(name));
  });
  let pairs = [...filled.entries()].filter(([name, value]) => value !== "" && !inPath.has(name) && name !== "csrf");
  if (mixin) pairs = await signed(pairs);
  const isPost = method === "POST";
  const shown = new URLSearchParams(pairs);
  const body = new URLSearchParams(isPost ? [...pairs, ["csrf", cookie("bili_jct")]] : pairs);
  const target = !isPost && pairs.length ? `${path}?${body}` : path;
  const started = performance.now();
  const response = await fetch(at(target), { ...noReferrer, method, body: isPost ? body : undefined });
  const text = await response.text();
  const line = `${method} ${target}${isPost ? ` ${shown}${pairs.length ? "&" : ""}csrf=…` : ""}`;
  return { line, status: response.status, text, milliseconds: performance.now() - started };
}

// --- the response: indented and coloured without parsing numbers, as a mid may exceed safe integers ---

const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]|\s+|./gsu;

function highlighted(text) {
  const isJson = /^\s*[{[]/.test(text);
  if (!isJson) return [text];
  const nodes = [];
  let depth = 0, previous = "";
  const put = (value, kind) => {
    if (!kind) { nodes.push(value); return; }
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = value;
    nodes.push(span);
  };
  const line = () => `\n${"  ".repeat(Math.max(depth, 0))}`;
  for (const [token] of text.matchAll(TOKEN)) {
    const first = token[0];
    if (/^\s+$/.test(token)) continue;
    const closes = first === "}" || first === "]";
    if (closes) depth -= 1;
    if ((closes ? !"{[".includes(previous) : "{[".includes(previous)) && previous) put(line());
    if (first === '"' && token.endsWith(":")) { put(token.slice(0, -1).trimEnd(), "k"); put(": "); }
    else if (first === '"') put(token, "s");
    else if (/[-\d]/.test(first)) put(token, "n");
    else if (/[a-z]/.test(first)) put(token, "w");
    else if (first === ",") put(`,${line()}`);
    else put(token);
    if (first === "{" || first === "[") depth += 1;
    previous = first;
  }
  return nodes;
}

// --- the wbi signature, at the time of the service, whose clock may be moved ---

async function signed(pairs) {
  const { data } = await nav();
  const key = (url) => url.split("/").pop().split(".")[0];
  const both = key(data.wbi_img.img_url) + key(data.wbi_img.sub_url);
  const salt = mixin.split(",").map((index) => both[index]).join("");
  const all = [...pairs, ["wts", `${Number(now) + Math.floor(performance.now() / 1000)}`]].sort(([a], [b]) => (a < b ? -1 : 1));
  const query = all.map(([name, value]) => `${name}=${encodeURIComponent(value.replace(/[!'()*]/g, ""))}`).join("&");
  return [...all, ["w_rid", md5(query + salt)]];
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

if (byId("who")) await showWho();
