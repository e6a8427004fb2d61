"""The security headers of every page and every file of a page."""

from __future__ import annotations

from collections.abc import Iterable

_POLICY = {
    "default-src": "'self'",
    "img-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def security_headers(image_hosts: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers: nothing is loaded from outside, nothing inline runs, no frame shows it.

    ``image_hosts`` are hosts whose images a page may show in addition, such as ``i0.hdslb.com``.
    """
    images = " ".join(("'self'", *(f"https://{host}" for host in image_hosts)))
    policy = _POLICY | {"img-src": images}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        # A form's Origin would be "null" with no-referrer.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
