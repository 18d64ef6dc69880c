"""Web server of a live run: HTTP for the page and uploads, a WebSocket for frames, statistics and style requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from models.errors import ModelError
from pipeline.stage import StageError
from stages.drawing.styles import STYLES
from stages.live.latest_frame import LatestFrame
from stages.live.page_server import PageServer
from stages.live.view_style import StyleSwitcher

PAGE = Path(__file__).with_name("page.html")
LIVE = "/live"
STATISTICS_EVERY_S = 0.5
MAX_UPLOAD_BYTES = 16 * 2**20
MAX_UPLOADS = 4
MAX_VIEWERS = 8


class Page(PageServer):
    """The page of a live run.

    Frames are binary messages: 8 bytes (big-endian float64, seconds since 1970 at capture) and a JPEG. A viewer gets
    the newest frame whenever the previous one has been sent: a slow connection shows fewer frames, never older ones.
    Text messages are JSON: the server sends `{"figures": …, "look": …, "styles": …, "atlases": …, "trouble": …}`,
    viewers send fields of `ViewStyle`.
    """

    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; img-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    max_bytes = MAX_UPLOAD_BYTES
    port_key = "preview.port"
    unlimited = frozenset({LIVE})

    def __init__(self, host: str, port: int, token: str | None, latest: LatestFrame, switcher: StyleSwitcher) -> None:
        """Start the server. Raises: StageError as `PageServer.start`."""
        super().__init__(host, port, token)
        self._latest, self._switcher = latest, switcher
        self._viewers = 0
        self._pool = ThreadPoolExecutor(MAX_VIEWERS + 2, thread_name_prefix="page")
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="jpeg")
        # One upload at a time: decoding an image may use as much memory as its limit allows.
        self._uploader = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._uploads = 0
        self.start()

    def port_remedy(self) -> str:
        """As of the base class, and how to do without the page."""
        return "choose another port, or run without the page: --set preview.port=null"

    def routes(self) -> Iterable[web.RouteDef]:
        """The page, its socket, and uploads of atlases."""
        return web.get("/", self._page), web.get(LIVE, self._live), web.post("/atlas/{name}", self._upload)

    def close(self) -> None:
        """Close all connections and stop."""
        super().close()
        self._pool.shutdown(wait=False)
        self._encoder.shutdown(wait=False)
        self._uploader.shutdown(wait=False)

    async def _page(self, request: web.Request) -> web.Response:
        return self.opened(PAGE.read_text(encoding="utf-8"), "text/html")

    async def _upload(self, request: web.Request) -> web.Response:
        """Store an atlas, whose name is in the path and whose image is the body, and draw with it at once."""
        if self._uploads >= MAX_UPLOADS:
            message = {"error": "other images are being uploaded; try again when they are finished"}
            return web.json_response(message, status=429)
        self._uploads += 1
        try:
            return await self._use_atlas(request.match_info["name"], await request.read())
        except web.HTTPRequestEntityTooLarge:
            message = {"error": f"the image has more than {MAX_UPLOAD_BYTES >> 20} MB; make it smaller first"}
            return web.json_response(message, status=413)
        finally:
            self._uploads -= 1

    async def _use_atlas(self, name: str, content: bytes) -> web.Response:
        try:
            title, removed = await self._loop.run_in_executor(self._uploader, self._switcher.upload, name, content)
            request = {"atlas": title, "style": "texture"}
            await self._loop.run_in_executor(self._uploader, self._switcher.change, request)
        except (StageError, ModelError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"atlas": title, **({"gone": removed} if removed else {})})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if self._viewers >= MAX_VIEWERS:
            return web.Response(status=503, text=f"the page has {MAX_VIEWERS} viewers already, which is the limit\n")
        socket = web.WebSocketResponse(heartbeat=10.0, max_msg_size=4096)
        await socket.prepare(request)
        self._viewers += 1
        tasks = [asyncio.ensure_future(task) for task in (self._send_frames(socket), self._send_state(socket))]
        try:
            await self._receive_requests(socket)
        finally:
            self._viewers -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    async def _send_frames(self, socket: web.WebSocketResponse) -> None:
        number = 0
        while not socket.closed and not self._stopping.is_set():
            frame = await self._loop.run_in_executor(self._pool, self._latest.newer_than, number, 0.5)
            if frame is None:
                continue
            number = frame.number
            jpeg = await self._loop.run_in_executor(self._encoder, self._latest.jpeg, frame)
            with contextlib.suppress(ConnectionError):
                await socket.send_bytes(struct.pack(">d", frame.captured_s) + jpeg)

    async def _send_state(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed and not self._stopping.is_set():
            with contextlib.suppress(ConnectionError):
                await socket.send_str(json.dumps(self._state()))
            await asyncio.sleep(STATISTICS_EVERY_S)
        await socket.close()

    async def _receive_requests(self, socket: web.WebSocketResponse) -> None:
        """Apply a viewer's style requests until it disconnects; reply to a wrong request with an error message."""
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                request = json.loads(message.data)
                if not isinstance(request, dict):
                    raise StageError("the request is no JSON object", "preview", 'send JSON such as {"style": "parts"}')
                await self._loop.run_in_executor(self._pool, self._switcher.change, request)
            except (StageError, ModelError, ValueError, RecursionError) as error:
                await socket.send_str(json.dumps({"trouble": str(error)}))
            else:
                await socket.send_str(json.dumps(self._state()))

    def _state(self) -> dict[str, Any]:
        return {
            "figures": self._latest.statistics(),
            "look": asdict(self._switcher.style),
            "styles": {name: {"opacity": opacity, "about": about} for name, (opacity, about) in STYLES.items()},
            "atlases": self._switcher.atlases,
            "trouble": self._switcher.trouble,
        }
