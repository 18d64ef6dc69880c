"""The studio's web server: the page, pictures, and JSON messages that are answered by a `Workplace`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from models.body.charts import COARSE_NAMES
from models.errors import ModelError
from models.files.json_file import parsed_json
from pipeline.stage import StageError
from stages.live.page_server import PageServer
from stages.studio.desk import Message
from stages.studio.part_views import SIDE, view_directions
from stages.studio.view_pictures import views_png
from stages.studio.workplace import Workplace

FOLDER = Path(__file__).with_name("page")
SCRIPTS = (
    *("studio", "state", "steps", "messages", "server", "masks", "picture", "pointers", "views", "words", "drawings"),
    *("images", "people", "parts", "points", "keypoints", "review"),
)
FILES = {
    "studio.css": "text/css",
    **{f"{name}.js": "text/javascript" for name in SCRIPTS},
}
"""Files of the page, with their types; no other file is served."""
MAX_MESSAGE_BYTES = 8 * 2**20
PARTS = range(1, 15)
THUMBNAILS = "/thumbnail/"


class StudioPage(PageServer):
    """Serves annotators until it is closed."""

    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    max_bytes = MAX_MESSAGE_BYTES
    port_key = "annotate.port"

    def __init__(self, host: str, port: int, token: str | None, workplace: Workplace) -> None:
        """Start the server. Raises: StageError as `PageServer.start`."""
        super().__init__(host, port, token)
        self._workplace = workplace
        # One thread changes the task list. Images, views, previews and the network have their own: clicks never wait.
        # A large image takes seconds: a second thread reads the next one meanwhile.
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._pictures = ThreadPoolExecutor(2, thread_name_prefix="pictures")
        self._small = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._small_turn = asyncio.Semaphore(1)
        self._views_desk = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._previews = ThreadPoolExecutor(1, thread_name_prefix="previews")
        self._network = ThreadPoolExecutor(1, thread_name_prefix="network")
        self.start()

    def routes(self) -> Iterable[web.RouteDef]:
        """The page's files, pictures and messages."""
        work = self._workplace
        posts = {"take": work.take, "act": work.act, "ask": work.points.ask, "click": work.points.click}
        posts |= {"images": work.images, "release": work.release, "hand_on": work.hand_on}
        posts |= {"decide": work.reviews.decide, "send_back": work.reviews.send_back}
        yield web.get("/", self._page)
        yield web.get("/review", self._page)
        yield web.get("/page/{file}", self._file)
        yield web.get("/parts", self._parts)
        yield web.get("/views/{part}", self._views)
        yield web.get("/image/{number}", self._image)
        yield web.get(f"{THUMBNAILS}{{number}}", self._thumbnail)
        yield web.get("/proposals/{number}", self._proposals)
        for name, answer in posts.items():
            yield web.post(f"/{name}", self._answering(answer, self._desk))
        yield web.post("/preview", self._answering(work.points.preview, self._previews))
        yield web.post("/guess", self._answering(work.points.guess, self._network))

    def close(self) -> None:
        """Close all connections and stop."""
        super().close()
        for pool in (self._desk, self._pictures, self._small, self._views_desk, self._previews, self._network):
            pool.shutdown(wait=True, cancel_futures=True)

    def _answering(
        self, answer: Callable[[Message], dict[str, Any]], pool: ThreadPoolExecutor
    ) -> Callable[[web.Request], Any]:
        """A handler of messages: JSON in and out; an error's sentence as `error`."""

        async def handle(request: web.Request) -> web.Response:
            if request.content_type != "application/json":
                return web.json_response({"error": "the message is not JSON"}, status=415)
            try:
                message = parsed_json(await request.read())
                if not isinstance(message, dict):
                    raise StageError("the message is no JSON object", "", "reload the page")
                found = await self._loop.run_in_executor(pool, answer, message)
            except web.HTTPRequestEntityTooLarge:
                return web.json_response({"error": f"more than {MAX_MESSAGE_BYTES >> 20} MB"}, status=413)
            except (StageError, ModelError, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response(found, dumps=lambda made: json.dumps(made, separators=(",", ":")))

        return handle

    async def _page(self, request: web.Request) -> web.Response:
        return self.opened((FOLDER / "studio.html").read_text(encoding="utf-8"), "text/html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in FILES:
            return web.Response(status=404)
        return web.Response(text=(FOLDER / name).read_text(encoding="utf-8"), content_type=FILES[name])

    async def _parts(self, request: web.Request) -> web.Response:
        return web.json_response({"side": SIDE, "parts": part_table()})

    async def _views(self, request: web.Request) -> web.Response:
        part = request.match_info["part"]
        if not part.isascii() or not part.isdecimal() or int(part[:3]) not in PARTS:
            return web.Response(status=404)
        png = await self._loop.run_in_executor(self._views_desk, views_png, int(part[:3]))
        return web.Response(body=png, content_type="image/png")

    async def _image(self, request: web.Request) -> web.Response:
        return await self._of_image(request, self._pictures, self._workplace.pictures.jpeg)

    def is_unlimited(self, path: str) -> bool:
        """Small images wait for their turn without being counted: who scrolls a list refuses nobody's work."""
        return path.startswith(THUMBNAILS)

    async def _thumbnail(self, request: web.Request) -> web.Response:
        async with self._small_turn:
            if request.transport is None:  # scrolled away meanwhile
                return web.Response(status=400)
            return await self._of_image(request, self._small, self._workplace.pictures.thumbnail)

    async def _proposals(self, request: web.Request) -> web.Response:
        return await self._of_image(request, self._network, self._workplace.proposals)

    async def _of_image(
        self, request: web.Request, pool: ThreadPoolExecutor, make: Callable[[str], Any]
    ) -> web.Response:
        """The answer about the image whose number is in the path: bytes of a JPEG, or JSON."""
        number = request.match_info["number"]
        if not number.isascii() or not number.isdecimal() or len(number) > 9:
            return web.Response(status=404)
        try:
            name = self._workplace.image_name(int(number))
            found = await asyncio.shield(self._loop.run_in_executor(pool, make, name))
        except (StageError, ModelError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="image/jpeg")
        return web.json_response(found)


def part_table() -> list[dict[str, Any]]:
    """Name and views of each part 1..14, for the page."""
    return [
        {"part": part, "name": COARSE_NAMES[part], "views": list(view_directions(part))}
        for part in range(1, len(COARSE_NAMES))
    ]
