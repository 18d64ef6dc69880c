"""The studio's web server: the page, pictures, and JSON messages, which a `Workplace` answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from models.body.charts import CHARTS_AT_JOINT, COARSE_NAMES, COARSE_OF_CHART, MIRROR_COARSE
from models.errors import ModelError
from models.files.json_file import parsed_json
from models.surface.chart_lookup import open_body_lookup
from pipeline.stage import StageError
from stages.live.page_server import PageServer, token_of
from stages.studio.desk import Message
from stages.studio.rights import PROOF_AGE_S, Rights
from stages.studio.views.part_views import SIDE, view_directions
from stages.studio.views.view_pictures import views_png
from stages.studio.work.work_journal import checked_name
from stages.studio.workplace import Workplace

FOLDER = Path(__file__).with_name("page")
SCRIPTS = (
    *("studio", "state", "steps", "messages", "server", "masks", "picture", "pointers", "views", "words", "drawings"),
    *("images", "people", "parts", "points", "keypoints", "review", "map_pictures", "polygons", "progress"),
)
FILES = {
    "studio.css": "text/css",
    **{f"{name}.js": "text/javascript" for name in SCRIPTS},
}
"""Files of the page with their types; no other file is served."""
MAX_MESSAGE_BYTES = 8 * 2**20
PARTS = range(1, 15)
THUMBNAILS = "/thumbnail/"
REVIEW_PATHS = ("/decide", "/send_back", "/link", "/progress")
NAME_IN_USE = "this name belongs to another browser: enter another name, or ask the leader for your personal link"


class StudioPage(PageServer):
    """Serves annotators until it is closed."""

    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    max_bytes = MAX_MESSAGE_BYTES
    port_key = "annotate.port"

    def __init__(
        self, host: str, port: int, token: str | None, workplace: Workplace, review_token: str | None = None
    ) -> None:
        """Start the server. `review_token`: of reviewers. Raises: StageError as `PageServer.start`."""
        super().__init__(host, port, token)
        self._workplace = workplace
        self.rights = Rights(token, review_token, workplace.secret, workplace.is_used)
        # One thread changes the task list. Images, views, previews and the network use others: clicks never wait.
        # A large image needs seconds, so two threads read images.
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._pictures = ThreadPoolExecutor(2, thread_name_prefix="pictures")
        self._thumbnails = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._thumbnail_turn = asyncio.Semaphore(1)
        self._views_desk = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._previews = ThreadPoolExecutor(1, thread_name_prefix="previews")
        self._network = ThreadPoolExecutor(1, thread_name_prefix="network")
        self.start()

    def routes(self) -> Iterable[web.RouteDef]:
        """The page's files, pictures and messages."""
        work = self._workplace
        posts = {"take": work.open_image, "act": work.act, "ask": work.points.ask, "click": work.points.click}
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
        yield web.post("/name", self._name)
        yield web.post("/link", self._answering(self._link, self._desk))
        yield web.post("/progress", self._answering(work.progress, self._previews))
        yield web.post("/preview", self._answering(work.points.preview, self._previews))
        yield web.post("/guess", self._answering(work.points.guess, self._network))
        yield web.post("/propose", self._answering(work.points.propose_box, self._network))
        yield web.post("/propose_points", self._propose_points)

    def close(self) -> None:
        """Close all connections and stop."""
        super().close()
        for pool in (self._desk, self._pictures, self._thumbnails, self._views_desk, self._previews, self._network):
            pool.shutdown(wait=True, cancel_futures=True)

    def _answering(
        self, answer: Callable[[Message], dict[str, Any]], pool: ThreadPoolExecutor
    ) -> Callable[[web.Request], Any]:
        """A handler of messages: JSON in and out; the text of an error as `error`."""

        async def handle(request: web.Request) -> web.Response:
            try:
                message = await _message(request)
                if (refused := self._refused(request, message)) is not None:
                    return refused
                found = await self._loop.run_in_executor(pool, answer, message)
            except (StageError, ModelError, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response(found, dumps=lambda made: json.dumps(made, separators=(",", ":")))

        return handle

    def _refused(self, request: web.Request, message: Message) -> web.Response | None:
        """The refusal of a message that its browser may not send: a reviewer's, or under another annotator's name."""
        if message.get("review") is True or request.path in REVIEW_PATHS:
            if not self.rights.may_review(token_of(request)):
                what = "reviews have a token of their own: open the review's address that the program printed"
                return web.json_response({"error": what}, status=403)
        elif not self.rights.may_be(str(message.get("who")).strip(), request.cookies):
            return web.json_response({"error": NAME_IN_USE}, status=403)
        return None

    async def _name(self, request: web.Request) -> web.Response:
        """Give a name to a browser. Fields: `who`; `key`: of a personal link."""
        try:
            message = await _message(request)
            annotator = checked_name(message.get("who"))
        except (StageError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if not self.rights.claim_name(annotator, request.cookies, str(message.get("key", ""))):
            return web.json_response({"error": NAME_IN_USE}, status=403)
        response = web.json_response({"who": annotator})
        proof = self.rights.proof(annotator)
        response.set_cookie(self.rights.cookie(annotator), proof, max_age=PROOF_AGE_S, httponly=True, samesite="Strict")
        return response

    async def _propose_points(self, request: web.Request) -> web.Response:
        """Run the network in its thread, then write the answers in the thread of all actions."""
        points = self._workplace.points
        looked = await self._answering(points.look, self._network)(request)
        if looked.status != 200:
            return looked
        return await self._answering(points.propose_points, self._desk)(request)

    def _link(self, message: Message) -> dict[str, Any]:
        """The personal link of an annotator, for the leader. Field: `of`. Raises: StageError."""
        return {"link": self.rights.link(checked_name(message.get("of")))}

    def may_enter(self, token: str | None) -> bool:
        """Whether a token is that of annotators or of reviewers."""
        return self.rights.may_enter(token)

    async def _page(self, request: web.Request) -> web.Response:
        given = token_of(request)
        if request.path == "/review" and not self.rights.may_review(given):
            what = "the token of reviews is missing or wrong: open the review's address that the program printed\n"
            return web.Response(status=403, text=what)
        return self.opened((FOLDER / "studio.html").read_text(encoding="utf-8"), "text/html", given)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in FILES:
            return web.Response(status=404)
        return web.Response(text=(FOLDER / name).read_text(encoding="utf-8"), content_type=FILES[name])

    async def _parts(self, request: web.Request) -> web.Response:
        return web.json_response({"side": SIDE, "parts": part_table(), "joints": parts_at_joints()})

    async def _views(self, request: web.Request) -> web.Response:
        part = request.match_info["part"]
        if not part.isascii() or not part.isdecimal() or int(part[:3]) not in PARTS:
            return web.Response(status=404)
        png = await self._loop.run_in_executor(self._views_desk, _ready_views, int(part[:3]))
        return web.Response(body=png, content_type="image/png")

    async def _image(self, request: web.Request) -> web.Response:
        return await self._of_image(request, self._pictures, self._workplace.pictures.jpeg)

    def is_unlimited(self, path: str) -> bool:
        """Requests for thumbnails are not limited: scrolling a long list must not block other requests."""
        return path.startswith(THUMBNAILS)

    async def _thumbnail(self, request: web.Request) -> web.Response:
        async with self._thumbnail_turn:
            if request.transport is None:  # the browser has closed the connection: the thumbnail is out of view
                return web.Response(status=400)
            return await self._of_image(request, self._thumbnails, self._workplace.pictures.thumbnail)

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


async def _message(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request. Raises: ValueError, StageError; HTTP errors for other types and large bodies."""
    if request.content_type != "application/json":
        text = json.dumps({"error": "the message is not JSON"})
        raise web.HTTPUnsupportedMediaType(text=text, content_type="application/json")
    try:
        message = parsed_json(await request.read())
    except web.HTTPRequestEntityTooLarge as error:
        text = json.dumps({"error": f"more than {MAX_MESSAGE_BYTES >> 20} MB"})
        sizes = {"max_size": MAX_MESSAGE_BYTES, "actual_size": request.content_length or MAX_MESSAGE_BYTES}
        raise web.HTTPRequestEntityTooLarge(**sizes, text=text, content_type="application/json") from error
    if not isinstance(message, dict):
        raise StageError("the message is no JSON object", "", "reload the page")
    return message


def _ready_views(part: int) -> bytes:
    """The picture of a part's views. Opens the chart lookup too, so that the first click needs no wait."""
    open_body_lookup()
    return views_png(part)


def part_table() -> list[dict[str, Any]]:
    """JSON for the page: name, views and mirrored part of each part 1..14."""
    return [
        {
            "part": part, "name": COARSE_NAMES[part], "mirrored": int(MIRROR_COARSE[part]),
            "views": list(view_directions(part)),
        }
        for part in range(1, len(COARSE_NAMES))
    ]


def parts_at_joints() -> list[list[int]]:
    """The parts that touch each of COCO's keypoints, in COCO's order."""
    return [sorted({int(COARSE_OF_CHART[chart]) for chart in charts}) for charts in CHARTS_AT_JOINT.values()]
