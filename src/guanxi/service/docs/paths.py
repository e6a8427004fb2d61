"""The paths of the API's pages."""

from __future__ import annotations

from guanxi.contract.endpoints import ENDPOINTS

DOCS = "/docs"
SCRIPT, CODE = f"{DOCS}/docs.js", f"{DOCS}/code"
#: Those and the path of each endpoint's page.
PATHS = frozenset({DOCS, SCRIPT, CODE, *(f"{DOCS}/{endpoint.name}" for endpoint in ENDPOINTS)})
