"""Generate the OpenAPI 3.1 document of the contract from its endpoints."""

from __future__ import annotations

from typing import Any

import msgspec

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Body, Endpoint, Envelope
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED, OPEN
from guanxi.contract.params import defaults, is_list, wire_types
from guanxi.contract.paths import placeholders
from guanxi.contract.sign import MIXIN

Json = dict[str, Any]

#: The media types of a form. Each of its fields may be in the query instead.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_REFS = "#/components/schemas/{name}"
#: The schema of the types that have a documented limit; a service may be configured otherwise.
_LIMITED: dict[Any, Json] = {
    p.PageSize: {"maximum": DOCUMENTED.limits.page_size},
    p.Mids: {"maxItems": DOCUMENTED.limits.ids_per_call},
    p.GroupName: {"minLength": 1, "maxLength": DOCUMENTED.limits.group_name},
}
_APP_SIGNED = (
    ("appkey", "names the app whose appsec signed; verified when sent"),
    ("sign", "APP signature of the other fields; verified when sent"),
)
_REASON = (
    "what was wrong with this request, in English: the parameter, header or rule, and what would "
    "be right (ours); absent where there is nothing to say"
)
_KEY = "an app's token, instead of the cookie"
_SIGNED = (
    ("wts", "integer", "seconds since 1970, part of what w_rid signs"),
    ("w_rid", "string", "wbi signature with the keys that nav returns"),
)


def document() -> Json:
    """Return the OpenAPI document of all endpoints; its version is that of the API, "004"."""
    kinds = [one for endpoint in ENDPOINTS for one in (endpoint.data, endpoint.cursor_data) if one]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFS)
    paths: dict[str, Json] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "guanxi",
            "version": "004",
            "summary": "The user-relation API that the documents describe.",
            "description": (
                "Errors are sent as HTTP 200 with a code in the body, as documented; `reason` "
                "says what was wrong with the request. Other "
                "HTTP statuses are for requests that are not of this API, and for 503 and 504."
            ),
        },
        "servers": [{"url": "."}],  # the folder of this document, as it may be mounted
        # For pages that sign requests: the indexes that form the mixin key.
        "x-wbi-mixin": list(MIXIN),
        "paths": paths,
        "components": {
            "schemas": {**components, "Failure": _failure()},
            "securitySchemes": {
                COOKIE: {"type": "apiKey", "in": "cookie", "name": "SESSDATA"},
                ACCESS_KEY: {
                    "type": "apiKey",
                    "in": "query",
                    "name": "access_key",
                    "description": (
                        "An app's token; in a POST it may be in the form instead. `appkey` and "
                        "`sign` are optional, and verified when sent."
                    ),
                },
            },
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.name.partition(".")[0]],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "security": _security(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.method == "GET":
        operation["parameters"] = _parameters(endpoint)
    elif endpoint.ignores_body:
        operation["requestBody"] = {"content": {"*/*": {"schema": {}}}}
    else:
        operation["requestBody"] = {
            "description": "Each field may be in the query instead; the body's counts.",
            "content": {kind: _form(endpoint) for kind in _FORMS},
        }
    return operation


def _description(endpoint: Endpoint) -> str:
    """Return Markdown: the documented host, the source, and a table of the endpoint's codes."""
    codes = "\n".join(
        f"| {code} | {endpoint.message(code)} | {errors.CODES[code].meaning}"
        f"{'; only other servers answer it' if code in endpoint.elsewhere else ''} |"
        for code in sorted(endpoint.codes)
    )
    host = f"`{endpoint.host}` in the documents; source: {endpoint.seed}."
    return f"{host}\n\n| code | message | meaning |\n|---|---|---|\n{codes}"


def _security(endpoint: Endpoint) -> list[Json]:
    """Return an endpoint's OpenAPI ``security``: the ways to sign in; ``{}`` means signed out."""
    ways: list[Json] = [{way: []} for way in (COOKIE, ACCESS_KEY) if way in endpoint.auth]
    return ways if endpoint.needs_session else [*ways, {}]


def parameter_schema(endpoint: Endpoint, name: str) -> Json:
    """Return the JSON schema of the parameter ``name``, with its default and documented limits.

    Enums are inlined. Raise ``KeyError`` if the endpoint has no such parameter.
    """
    kind = wire_types(endpoint.params)[name]
    schema: Json = msgspec.json.schema(kind) | _LIMITED.get(kind, {})
    named = schema.pop("$defs", {})
    if "$ref" in schema:
        schema |= named[schema.pop("$ref").rpartition("/")[2]]
    if name in OPEN.defaults:
        optional = f"; the profile {OPEN.name} takes {OPEN.defaults[name]} if it is absent"
        schema["description"] += optional
    given = defaults(endpoint.params)
    return schema | ({"default": given[name]} if name in given else {})


def _required(endpoint: Endpoint) -> list[str]:
    return [one.encode_name for one in msgspec.structs.fields(endpoint.params) if one.required]


def _parameter(endpoint: Endpoint, name: str) -> Json:
    schema = parameter_schema(endpoint, name)
    parameter: Json = {
        "name": name,
        "in": "path" if name in placeholders(endpoint.path) else "query",
        "required": name in _required(endpoint),
        "description": schema.pop("description", ""),
        "schema": schema,
    }
    if is_list(wire_types(endpoint.params)[name]):
        parameter |= {"style": "form", "explode": False}
    return parameter


def _parameters(endpoint: Endpoint) -> list[Json]:
    own = [_parameter(endpoint, name) for name in wire_types(endpoint.params)]
    aliases = [
        _parameter(endpoint, name)
        | {"name": other, "required": False, "description": _alias_description(name)}
        for other, name in endpoint.aliases.items()
    ]
    wanted = not endpoint.unsigned
    signed = [_text(name, of, text, required=wanted) for name, of, text in _SIGNED]
    by_app = [_text(name, "string", text, required=False) for name, text in _APP_SIGNED]
    return [
        *own,
        *aliases,
        *(signed if endpoint.wbi else ()),
        *(by_app if endpoint.app_signed else ()),
    ]


def _text(name: str, of: str, text: str, *, required: bool) -> Json:
    schema = {"type": of}
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": text,
        "schema": schema,
    }


def _alias_description(name: str) -> str:
    return f"an alias of {name}, read if {name} is not sent"


def _form(endpoint: Endpoint) -> Json:
    names = list(wire_types(endpoint.params))
    properties = {name: parameter_schema(endpoint, name) for name in names}
    for other, name in endpoint.aliases.items():
        properties[other] = properties[name] | {"description": _alias_description(name)}
    texts = (
        ("csrf", "bili_jct; required from callers with a cookie"),
        *((("access_key", _KEY),) if ACCESS_KEY in endpoint.auth else ()),
        *(_APP_SIGNED if endpoint.app_signed else ()),
    )
    properties |= {name: {"type": "string", "description": text} for name, text in texts}
    lists = [name for name, schema in properties.items() if schema.get("type") == "array"]
    form: Json = {
        "schema": {
            "type": "object",
            "properties": properties,
            "required": _required(endpoint),
        }
    }
    if lists:
        form["encoding"] = {name: {"style": "form", "explode": False} for name in lists}
    return form


def _data(endpoint: Endpoint) -> Json | None:
    kinds = [kind for kind in (endpoint.data, endpoint.cursor_data) if kind is not None]
    if not kinds:
        return None
    schemas, _ = msgspec.json.schema_components(kinds, ref_template=_REFS)
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


#: The fields of a success in addition to code and data.
_ENVELOPE_FIELDS: dict[Envelope, Json] = {
    Envelope.STANDARD: {"message": {"type": "string"}, "ttl": {"const": 1}},
    Envelope.MSG: {"msg": {"type": "string"}, "message": {"type": "string"}},
    Envelope.STATUS: {"status": {"const": True}},
    Envelope.BARE: {},
    Envelope.GAME: {"ts": {"type": "integer"}, "request_id": {"type": "string"}},
}


def _success(endpoint: Endpoint) -> Json:
    data = _data(endpoint)
    if endpoint.envelope is Envelope.NONE and data is not None:
        return data
    properties: Json = {"code": {"const": 0}, **_ENVELOPE_FIELDS[endpoint.envelope]}
    if data is not None:
        properties["data"] = data
    return {"type": "object", "properties": properties, "required": list(properties)}


def _failure() -> Json:
    return {
        "type": "object",
        "description": "A response with a code other than 0.",
        "properties": {
            "code": {"type": "integer", "not": {"const": 0}},
            "message": {"type": "string", "description": "the documented text of the code"},
            "msg": {"type": "string", "description": "as message"},
            "reason": {"type": "string", "minLength": 1, "description": _REASON},
            "status": {"const": False},
            "ttl": {"const": 1},
            "ts": {"type": "integer"},
            "request_id": {"type": "string"},
            "data": {},
        },
        "required": ["code", "message"],
    }


def _responses(endpoint: Endpoint) -> Json:
    failure = {"$ref": _REFS.format(name="Failure")}
    success = _response(
        "The data, or a code that says why there is none.",
        {"anyOf": [_success(endpoint), failure]},
    )
    if endpoint.body is Body.JSONP:
        success["content"]["application/javascript"] = {"schema": {"type": "string"}}
    missing: dict[str, Json] = {}
    if endpoint.body is Body.HTML:
        page = {"text/html": {"schema": _success(endpoint)}}
        success = {"description": "The page.", "content": page}
        missing = {"404": _response("There is no such page; the code says why.", failure)}
    wrong = {
        "400": "There are too many fields, or the body is not valid multipart/form-data.",
        "408": "The request was not complete in time.",
        "413": "The request is too large.",
        "415": "The body is no form, holds a file, or has a Content-Encoding.",
    }
    unable = {
        "503": "Nothing was done; try again.",
        "504": "It may have been done; read before repeating.",
    }
    takes_form = endpoint.method == "POST" and not endpoint.ignores_body
    statuses = {**(wrong if takes_form else {"400": "There are too many fields."}), **unable}
    return {
        "200": success,
        **missing,
        **{status: _response(text, failure) for status, text in statuses.items()},
    }


def _response(text: str, schema: Json) -> Json:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
