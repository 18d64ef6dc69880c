"""Who may see the page: everyone on this machine; from elsewhere, who knows the token."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach, and for the name that always means one."""
    if host.lower() == "localhost":
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
        loopback: whether the page is bound to this machine alone: a name of another site is then one that points here.
    """
    if loopback and not is_loopback(_host_name(host)):
        return False
    return origin is None or origin.partition("://")[2] == host


def _host_name(host: str | None) -> str:
    """Of a `Host` header, without its port; empty for one that is none."""
    try:
        return urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return ""
