// Sends the requests of standard input, one a line, with fetch; prints each status and body.

import { createInterface } from "node:readline";

function bodyOf(kind, text) {
  if (kind === "none") return undefined;
  if (kind === "json") return text;
  const fields = new URLSearchParams(text);
  if (kind === "form") return fields;
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [method, url, kind, text, cookies, quoting] = line.split("\t");
  const cookie = quoting === "quoted" ? cookies.replace(/=([^;]*)/g, '="$1";$Path="/"') : cookies;
  const headers = { Cookie: cookie };
  if (kind === "json") headers["Content-Type"] = "application/json";
  const response = await fetch(url, { method, headers, body: bodyOf(kind, text) });
  console.log(`${response.status}\t${(await response.text()).replaceAll("\n", " ")}`);
}
