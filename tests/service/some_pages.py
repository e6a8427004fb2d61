"""The pages of a service for tests of all pages: of the endpoints' pages one."""

from __future__ import annotations

from guanxi.contract.endpoints import ENDPOINTS, NAV
from guanxi.service.docs.paths import CODE
from guanxi.service.pages import PATHS
from guanxi.web.paths import LANGUAGE

__all__ = ["LANGUAGE", "PAGES"]

_OTHERS = {f"/docs/{endpoint.name}" for endpoint in ENDPOINTS if endpoint is not NAV}
PAGES = sorted(PATHS - _OTHERS - {CODE})
