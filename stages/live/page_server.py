"""The web server of a page: its thread, access, limits and security headers; subclasses have the routes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from pipeline.stage import StageError
from stages.live.page_access import (
    IDLE_TIMEOUT_S,
    REQUEST_TIMEOUT_S,
    IdleConnections,
    has_access,
    is_loopback,
    is_same_origin,
    page_address,
)

COOKIE = "token"
MAX_REQUESTS = 16
"""Simultaneous requests, including uploads: each may use the memory of one upload."""
START_TIMEOUT_S = 10.0
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class PageServer:
    """Serves from its own thread with its own event loop until it is closed.

    Subclasses set what their routes need, then call `start`.

    Attributes:
        policy: the `Content-Security-Policy` of all responses.
        max_bytes: the largest request.
        port_key: the configuration key of the port, for messages.
        unlimited: paths that stay open, such as that of a WebSocket: without a time limit.
    """

    policy: str
    max_bytes: int
    port_key: str
    unlimited: frozenset[str] = frozenset()

    def __init__(self, host: str, port: int, token: str | None) -> None:
        """Viewers must give the token, if there is one."""
        self._host, self._port, self._token = host, port, token
        self._requests = 0
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and their handlers."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server.

        Raises:
            StageError: the port is in use, or the address does not belong to this machine.
        """
        self._thread.start()
        bound = self._started.wait(START_TIMEOUT_S)
        if self._failure is not None or not bound:
            reason = f"it did not start within {START_TIMEOUT_S:g} s"
            if self._failure is not None:
                reason = self._failure.strerror or str(self._failure)
            raise StageError(
                f"the page cannot be served at {self._host}:{self._port} ({reason})",
                self.port_key,
                self.port_remedy(),
            )

    def address(self, path: str, token: str | None) -> str:
        """See `page_address`."""
        return page_address(self._host, self._port, path, token)

    def port_remedy(self) -> str:
        """What to do where the port cannot be used."""
        return "choose another port"

    def close(self) -> None:
        """Close all connections and stop."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=self.max_bytes, middlewares=[self._check_access])
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=IDLE_TIMEOUT_S)
        await runner.setup()
        assert runner.server is not None
        self._connections = IdleConnections(runner.server)
        try:
            server = await self._loop.create_server(self._connections, self._host, self._port, reuse_address=True)
            self._started.set()
            await self._stopping.wait()
            server.close()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _check_access(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Check token and origin, and add security headers to the response."""
        self._connections.request_received(request.protocol)
        if not self.may_enter(token_of(request)):
            return web.Response(
                status=403, text="the token is missing or wrong: open the address that the program printed\n"
            )
        origin, host = request.headers.get("Origin"), request.headers.get("Host")
        if not is_same_origin(origin, host, loopback=is_loopback(self._host)):
            return web.Response(status=403, text="requests from other sites are refused\n")
        free = self.is_unlimited(request.path)
        response = await (handler(request) if free else self._with_limits(request, handler))
        if not response.prepared:
            response.headers.update({"Content-Security-Policy": self.policy, **HEADERS})
        return response

    async def _with_limits(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Handle a request with a time limit, and refuse it if too many are open."""
        if self._requests >= MAX_REQUESTS:
            return web.Response(status=503, text="too many simultaneous requests\n")
        self._requests += 1
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                response: web.StreamResponse = await handler(request)
                return response
        except TimeoutError:
            return web.Response(status=408, text=f"not finished within {REQUEST_TIMEOUT_S:g} s\n")
        except (ConnectionError, RuntimeError):
            if request.transport is not None:
                raise
            return web.Response(status=400)  # the client has disconnected and receives no response
        finally:
            self._requests -= 1

    def may_enter(self, token: str | None) -> bool:
        """Whether a request with this token is answered."""
        return has_access(token, self._token)

    def is_unlimited(self, path: str) -> bool:
        """Whether requests of a path have no time limit, and do not count among the simultaneous ones."""
        return path in self.unlimited

    def opened(self, text: str, content_type: str, token: str | None = None) -> web.Response:
        """The page itself; the browser keeps the token, or another one, as a cookie."""
        response = web.Response(text=text, content_type=content_type)
        if self._token is not None:
            response.set_cookie(COOKIE, token or self._token, httponly=True, samesite="Strict")
        return response


def token_of(request: web.Request) -> str | None:
    """The token that a request gives: in its address, else as a cookie."""
    return request.query.get(COOKIE) or request.cookies.get(COOKIE)
