"""A visitor without JavaScript: follows links, fills in forms, keeps cookies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from tests.service.client import Answer, send


class Demo(NamedTuple):
    """A running demo."""

    url: str
    emulator_url: str
    token: str

    def control(self, verb: str, at: str, /, **body: Any) -> Any:
        """Call the emulator's own address: a method and a path below it, with fields of a body."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        raw = json.dumps(body).encode() if body else b""
        answer = send(self.emulator_url, verb, at, body=raw, headers=headers)
        assert answer.status == 200, answer.raw
        return answer.body


class Form(NamedTuple):
    """A form as a browser would send it with one of its buttons, and that button's label."""

    method: str
    action: str
    fields: dict[str, str]
    button: str
    #: The name and the value of the button.
    own: dict[str, str]


class _Forms(HTMLParser):
    """Collects the forms of a page, once for each button: inputs, selects and the labels."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._button: Form | None = None
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("method", "get"), given.get("action", ""), {}, "", {})
        elif self._form is None:
            return
        elif tag == "input" and given.get("name"):
            is_box = given.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in given:
                self._form.fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._area = given["name"]
            self._form.fields[self._area] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and (self._select not in self._form.fields or "selected" in given):
            self._form.fields[self._select] = given.get("value", "")
        elif tag == "button":
            own = {given["name"]: given.get("value", "")} if "name" in given else {}
            action = given.get("formaction", self._form.action)
            label = given.get("aria-label", "")
            self._button = self._form._replace(action=action, button=label, own=own)

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._area:
            self._form.fields[self._area] += data
        if self._button is not None and not self._button.button:
            self._button = self._button._replace(button=data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            self.forms.append(self._button)
            self._button = None
        elif tag == "textarea" and self._form is not None:
            # A browser leaves out the first line break.
            self._form.fields[self._area] = self._form.fields[self._area].removeprefix("\n")
            self._area = ""
        elif tag == "form":
            self._form = None


class Visitor:
    """A browser without JavaScript."""

    def __init__(self, url: str, headers: Mapping[str, str] = {}) -> None:
        self._url, self._headers = url, dict(headers)
        self.cookies: dict[str, str] = {}
        self.path = "/"
        self.answer: Answer
        #: The cookies that the last response set.
        self.set: list[str] = []

    @property
    def page(self) -> str:
        return self.answer.raw.decode()

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "application/x-www-form-urlencoded",
        **headers: str,
    ) -> Answer:
        """Send a request with the cookies, and keep those of the response; follow nothing."""
        sent = {**self._headers, **{name.replace("_", "-"): one for name, one in headers.items()}}
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body:
            sent["Content-Type"] = kind
        with closing(HTTPConnection(urlsplit(self._url).netloc, timeout=30)) as connection:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            self.set = response.headers.get_all("set-cookie", [])
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, headers, response.read())
        for name, one in SimpleCookie("\r\n".join(self.set)).items():
            if one["max-age"] == "0" or not one.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = one.value
        return answer

    def visit(self, path: str) -> str:
        """Return a page, after its redirects."""
        return self._follow(self.send("GET", path), path)

    def submit(self, button: str, **fields: str) -> str:
        """Send the form with this button, some fields filled in; return the page that follows."""
        form = self.form(button)
        body = urlencode({**form.fields, **form.own, **fields})
        action = self._resolved(form.action)
        if form.method == "get":
            return self.visit(f"{action}?{body}")
        origin = f"http://{urlsplit(self._url).netloc}"
        answer = self.send("POST", action, body.encode(), Origin=origin)
        return self._follow(answer, action)

    def upload(self, button: str, name: str, content: bytes, **fields: str) -> str:
        """Send the form with this button and a file; return the page that follows."""
        form, edge = self.form(button), "e" * 20
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in {**form.fields, **fields}.items()
            if field != "file"
        ]
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = "".join([*parts, head]).encode() + content + f"\r\n--{edge}--\r\n".encode()
        action, origin = self._resolved(form.action), f"http://{urlsplit(self._url).netloc}"
        kind = f"multipart/form-data; boundary={edge}"
        return self._follow(self.send("POST", action, body, kind, Origin=origin), action)

    def form(self, button: str) -> Form:
        found = _Forms()
        found.feed(self.page)
        return next(one for one in found.forms if one.button == button)

    def _follow(self, answer: Answer, path: str) -> str:
        for _ in range(5):
            if answer.status not in (302, 303, 307):
                break
            path = answer.headers["location"]
            answer = self.send("GET", path)
        self.answer, self.path = answer, path
        return self.page

    def _resolved(self, action: str) -> str:
        address = urlsplit(urljoin(f"http://s{self.path}", action))
        return address.path + (f"?{address.query}" if address.query else "")
