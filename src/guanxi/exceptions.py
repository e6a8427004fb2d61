"""Every exception of guanxi, under the documented module's name: ``guanxi.exceptions``.

``guanxi`` itself has the same classes; ``guanxi.contract.errors`` draws their tree.
"""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract.errors import *

__all__ = [
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ApiException)
]
