"""The table of endpoints, by area. A new endpoint is one row and one handler in the service.

A new area is a module here and a line below.
"""

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints.account import *
from guanxi.contract.endpoints.channel import *
from guanxi.contract.endpoints.login import *
from guanxi.contract.endpoints.me import *
from guanxi.contract.endpoints.relation import *
from guanxi.contract.endpoints.space import *
from guanxi.contract.endpoints.web import *

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Endpoint)
)
BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
