"""Access to the page: local addresses, the access token (made and checked), the same-origin check, time limits of idle
connections."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
import socket
from urllib.parse import urlencode, urlsplit

from aiohttp import web

IDLE_TIMEOUT_S = 10.0
"""A new connection, or one that is kept open, must send a complete request within this time."""
REQUEST_TIMEOUT_S = 60.0
"""A request, including its upload, must be answered within this time."""
ALL_ADDRESSES = ("0.0.0.0", "::")
MAX_IDLE_CONNECTIONS = 64
"""Connections that have sent no complete request; beyond this number the oldest is closed."""


def is_loopback(host: str) -> bool:
    """True for `localhost` and for addresses that only this machine can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """A random access token: 22 characters that a URL may have."""
    return secrets.token_urlsafe(16)


def token_for(host: str, given: str | None) -> str | None:
    """The token of a page: the given one, or a new one where others than this machine can reach the page."""
    return new_token() if given is None and not is_loopback(host) else given


def page_address(host: str, port: int, path: str, token: str | None) -> str:
    """The address at which a browser opens a page, with its token.

    Of a page that is bound to all addresses of this machine it is the one by which others reach it.
    """
    seen = reached_address(host) if host in ALL_ADDRESSES else host
    query = "" if token is None else f"?{urlencode({'token': token})}"
    return f"http://{f'[{seen}]' if ':' in seen else seen}:{port}{path}{query}"


def reached_address(host: str) -> str:
    """The address of this machine in its network; the loopback address where it is in none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    far, near = ("2001:db8::1", "::1") if ":" in host else ("192.0.2.1", "127.0.0.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))  # chooses the interface; nothing is sent
            return str(probe.getsockname()[0])
    except OSError:
        return near


def has_access(given: str | None, token: str | None) -> bool:
    """True if the given token is right, or if the page has no token. Compares in constant time."""
    return token is None or hmac.compare_digest((given or "").encode(), token.encode())


def is_same_origin(origin: str | None, host: str | None, *, loopback: bool) -> bool:
    """True if a request comes from the page itself and not from another site open in the same browser.

    Args:
        origin: the `Origin` header, which browsers send with every WebSocket and upload.
        host: the `Host` header.
        loopback: True if the page is bound to a loopback address. Another host name then is a foreign name that
            resolves to this machine (DNS rebinding).
    """
    if loopback and not is_loopback(_host_name(host)):
        return False
    return origin is None or origin.partition("://")[2] == host


def _host_name(host: str | None) -> str:
    """The `Host` header without its port; empty if the header is malformed."""
    try:
        return urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return ""


class IdleConnections:
    """Protocol factory of the server that closes connections which send no request. Runs in the server's event loop."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._timers: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> web.RequestHandler:
        """Make the handler of a new connection."""
        connection = self._server()
        loop = asyncio.get_running_loop()
        self._timers[connection] = loop.call_later(IDLE_TIMEOUT_S, self._close, connection)
        if len(self._timers) > MAX_IDLE_CONNECTIONS:
            oldest = next(iter(self._timers))
            self.request_received(oldest)
            loop.call_soon(oldest.force_close)  # within a burst it may not have its transport yet
        return connection

    def request_received(self, connection: web.RequestHandler) -> None:
        """Stop the idle timer of a connection: a complete request has arrived."""
        timer = self._timers.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _close(self, connection: web.RequestHandler) -> None:
        self.request_received(connection)
        connection.force_close()
