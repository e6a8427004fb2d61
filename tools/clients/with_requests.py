"""Send the requests of standard input, one a line, with requests; print each status and body."""

from __future__ import annotations

import re
import sys
from typing import Any
from urllib.parse import parse_qsl

import requests


def main() -> None:
    with requests.Session() as session:
        session.trust_env = False  # a proxy does not reach this machine
        for line in sys.stdin:
            method, url, kind, text, cookies, quoting = line.rstrip("\n").split("\t")
            if quoting == "quoted":
                cookies = re.sub(r"=([^;]*)", r'="\1";$Path="/"', cookies)
            headers, body = {"Cookie": cookies}, _body(kind, text)
            if kind == "json":
                headers["Content-Type"] = "application/json"
            response = session.request(method, url, headers=headers, timeout=30, **body)
            print(response.status_code, response.text.replace("\n", " "), sep="\t", flush=True)


def _body(kind: str, text: str) -> dict[str, Any]:
    fields = parse_qsl(text)
    if kind == "multipart":
        return {"files": {name: (None, value) for name, value in fields}}
    if kind == "none":
        return {}
    return {"data": text if kind == "json" else fields}


if __name__ == "__main__":
    main()
