"""Connections to the page that have not asked for anything: they are waited for a while, and there are not many."""

from __future__ import annotations

import asyncio

from aiohttp import web

PATIENCE_S = 10.0
"""Whoever has not said in so many seconds what it wants, on a new connection or on one that stays open, is let go."""
REQUEST_S = 60.0
"""What is asked for, uploads among it, is done by then."""
MOST_SILENT = 64
"""Connections that have said nothing yet; the one that has waited longest makes place."""


class Visitors:
    """Makes what answers a connection, and ends those that stay silent. To be called from the server's own loop."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._silent: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> web.RequestHandler:
        """A connection is made."""
        visitor = self._server()
        loop = asyncio.get_running_loop()
        self._silent[visitor] = loop.call_later(PATIENCE_S, self._let_go, visitor)
        if len(self._silent) > MOST_SILENT:
            oldest = next(iter(self._silent))
            self.heard(oldest)
            loop.call_soon(oldest.force_close)  # in a burst of connections it may not have its own yet
        return visitor

    def heard(self, visitor: web.RequestHandler) -> None:
        """It has asked for something, whole."""
        timer = self._silent.pop(visitor, None)
        if timer is not None:
            timer.cancel()

    def _let_go(self, visitor: web.RequestHandler) -> None:
        self.heard(visitor)
        visitor.force_close()
