"""Who may see the page: everyone on this machine; from elsewhere, who knows the token."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def right_token(given: str | None, token: str | None) -> bool:
    """Whether a visitor may come in; without a token everyone may."""
    return token is None or hmac.compare_digest((given or "").encode(), token.encode())


def own_page(origin: str | None, host: str | None, *, loopback: bool) -> bool:
    """Whether a request comes from the page itself and not from another site that is open in the same browser.

    Args:
        origin: the header of that name; browsers send it with every WebSocket and upload.
        host: what the visitor's browser believes to talk to.
        loopback: whether the page is bound to this machine alone: another name is then a name that points here.
    """
    if loopback and (urlsplit(f"//{host or ''}").hostname or "") not in LOOPBACK_NAMES:
        return False
    return origin is None or urlsplit(origin).netloc == host
