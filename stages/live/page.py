"""The web page that shows a live run: HTTP for the page and uploads, a WebSocket for pictures, figures and wishes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from models.errors import ModelError
from pipeline.stage import StageError
from stages.drawing.styles import STYLES
from stages.live.access import is_loopback, own_page, right_token
from stages.live.looks import Looks
from stages.live.showing import Showing
from stages.live.visitors import PATIENCE_S, REQUEST_S, Visitors

PAGE = Path(__file__).with_name("page.html")
COOKIE = "token"
LIVE = "/live"
FIGURES_EVERY_S = 0.5
MOST_UPLOAD = 16 * 2**20
MOST_UPLOADS_AT_ONCE = 4
MOST_VIEWERS = 8
MOST_ASKING = 16
"""Requests at once, uploads among them: each may take the memory of one."""
START_S = 10.0
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Page:
    """Serves from a thread of its own, with an event loop of its own, until it is closed.

    Pictures: binary messages, 8 bytes (big-endian float64, seconds since 1970 at capture) and a JPEG. A viewer gets the
    newest one whenever the last has left, so a slow line shows fewer and never older ones. Text messages are JSON: from
    here `{"figures": …, "look": …, "styles": …, "atlases": …, "trouble": …}`, from viewers fields of `Look`.
    """

    def __init__(self, host: str, port: int, token: str | None, showing: Showing, looks: Looks) -> None:
        """Begin to serve.

        Raises:
            StageError: the port is taken or the address is not this machine's.
        """
        self._host, self._port, self._token = host, port, token
        self._showing, self._looks = showing, looks
        self._viewers = self._asking = 0
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(MOST_VIEWERS + 2, thread_name_prefix="page")
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="jpeg")
        # One picture after the other: each may take as much memory as a picture may.
        self._uploader = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._uploads = 0
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()
        self._started.wait(START_S)
        if self._failure is not None:
            reason = self._failure.strerror or str(self._failure)
            raise StageError(
                f"the page cannot be served at {host}:{port} ({reason})",
                "preview.port",
                "name another port, or none: --set preview.port=null",
            )

    def close(self) -> None:
        """Say goodbye to viewers and stop."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_S)
        self._pool.shutdown(wait=False)
        self._encoder.shutdown(wait=False)
        self._uploader.shutdown(wait=False)

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
        app = web.Application(client_max_size=MOST_UPLOAD, middlewares=[self._guard])
        app.add_routes(
            [web.get("/", self._page), web.get(LIVE, self._live), web.post("/atlas/{name}", self._upload)]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=PATIENCE_S)
        await runner.setup()
        assert runner.server is not None
        self._visitors = Visitors(runner.server)
        try:
            server = await self._loop.create_server(self._visitors, self._host, self._port, reuse_address=True)
            self._started.set()
            await self._stopping.wait()
            server.close()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Let in who may come in, and tell browsers how little this page needs."""
        self._visitors.heard(request.protocol)
        given = request.query.get(COOKIE) or request.cookies.get(COOKIE)
        if not right_token(given, self._token):
            return web.Response(
                status=403, text="the token is missing or wrong: open the address the program printed\n"
            )
        origin, host = request.headers.get("Origin"), request.headers.get("Host")
        if not own_page(origin, host, loopback=is_loopback(self._host)):
            return web.Response(status=403, text="this page speaks to itself only\n")
        response = await (handler(request) if request.path == LIVE else self._in_time(request, handler))
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _in_time(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer what is soon answered; whoever takes long over asking for it, or is one of many, is sent away."""
        if self._asking >= MOST_ASKING:
            return web.Response(status=503, text="too many ask at once\n")
        self._asking += 1
        try:
            async with asyncio.timeout(REQUEST_S):
                answer: web.StreamResponse = await handler(request)
                return answer
        except TimeoutError:
            return web.Response(status=408, text=f"not done within {REQUEST_S:g} s\n")
        except (ConnectionError, RuntimeError):
            if request.transport is not None:
                raise
            return web.Response(status=400)  # whoever asked has hung up, and hears no answer
        finally:
            self._asking -= 1

    async def _page(self, request: web.Request) -> web.Response:
        response = web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")
        if self._token is not None:
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict")
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        """An atlas: the picture is the body, its name the path; it is worn at once."""
        if self._uploads >= MOST_UPLOADS_AT_ONCE:
            said = {"error": "other pictures are being uploaded; try again when they are done"}
            return web.json_response(said, status=429)
        self._uploads += 1
        try:
            return await self._uploaded(request.match_info["name"], await request.read())
        except web.HTTPRequestEntityTooLarge:
            said = {"error": f"the picture has more than {MOST_UPLOAD >> 20} MB; make it smaller first"}
            return web.json_response(said, status=413)
        finally:
            self._uploads -= 1

    async def _uploaded(self, name: str, content: bytes) -> web.Response:
        try:
            title, gone = await self._loop.run_in_executor(self._uploader, self._looks.upload, name, content)
            wish = {"atlas": title, "style": "texture"}
            await self._loop.run_in_executor(self._uploader, self._looks.change, wish)
        except (StageError, ModelError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"atlas": title, **({"gone": gone} if gone else {})})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if self._viewers >= MOST_VIEWERS:
            return web.Response(status=503, text=f"{MOST_VIEWERS} people watch already\n")
        socket = web.WebSocketResponse(heartbeat=10.0, max_msg_size=4096)
        await socket.prepare(request)
        self._viewers += 1
        tasks = [asyncio.ensure_future(task) for task in (self._pictures(socket), self._figures(socket))]
        try:
            await self._wishes(socket)
        finally:
            self._viewers -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    async def _pictures(self, socket: web.WebSocketResponse) -> None:
        number = 0
        while not socket.closed and not self._stopping.is_set():
            shown = await self._loop.run_in_executor(self._pool, self._showing.after, number, 0.5)
            if shown is None:
                continue
            number = shown.number
            jpeg = await self._loop.run_in_executor(self._encoder, self._showing.jpeg, shown)
            with contextlib.suppress(ConnectionError):
                await socket.send_bytes(struct.pack(">d", shown.captured_s) + jpeg)

    async def _figures(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed and not self._stopping.is_set():
            with contextlib.suppress(ConnectionError):
                await socket.send_str(json.dumps(self._state()))
            await asyncio.sleep(FIGURES_EVERY_S)
        await socket.close()

    async def _wishes(self, socket: web.WebSocketResponse) -> None:
        """Do what a viewer asks for until it leaves; a wish that cannot be is answered with why."""
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                wish = json.loads(message.data)
                if not isinstance(wish, dict):
                    raise StageError("a wish is a mapping", "preview", 'send JSON such as {"style": "parts"}')
                await self._loop.run_in_executor(self._pool, self._looks.change, wish)
            except (StageError, ModelError, ValueError, RecursionError) as error:
                await socket.send_str(json.dumps({"trouble": str(error)}))
            else:
                await socket.send_str(json.dumps(self._state()))

    def _state(self) -> dict[str, Any]:
        look = self._looks.look
        return {
            "figures": self._showing.figures(),
            "look": {name: getattr(look, name) for name in ("style", "beside", "atlas", "opacity")},
            "styles": {name: {"opacity": opacity, "about": about} for name, (opacity, about) in STYLES.items()},
            "atlases": self._looks.atlases,
            "trouble": self._looks.trouble,
        }
