"""The page of a live run: its WebSocket, its uploads, who may come in; and the page itself in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from models.surface.atlas import DEFAULT_ATLAS
from pipeline.stage import Job, StageError
from stages.drawing.render import Render
from stages.live import page as live_page
from stages.live import visitors
from stages.live.looks import MOST_ATLASES, Looks
from stages.live.page import PAGE
from stages.live.payloads import Captured
from stages.live.preview import Preview
from stages.payloads import FrameChunk, Surface, Surfaces, VideoInfo
from stages.payloads import People as PeopleFound
from tests.stages.live import waiting
from tests.stages.live.browser import Browser, browser_program, made_after
from tests.stages.live.clock_film import CYCLE, HEIGHT, WIDTH, clock_picture, free_port, read_clock
from tests.stages.live.nobody_here import nobody

wait_for = partial(waiting.wait_for, seconds=20)
VIDEO = VideoInfo(path="", width=WIDTH, height=HEIGHT, still=False, rate=Fraction(25), time_base=Fraction(1, 90_000))
JOB = Job(index=0, input="0", output=None, stem="live")


class Running:
    """A preview that is given pictures of the time: by a thread, as a run would, or by whoever calls `show`."""

    def __init__(self, *, by_itself: bool = True, **settings: Any) -> None:
        self.port = free_port()
        self.stage = Preview(Preview.Config(port=self.port, **settings))
        self.drawn: list[np.ndarray] = []
        self._count = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        if by_itself:
            self._thread.start()

    def show(self, seconds: float) -> None:
        """Give it the picture of a time, which arrived then."""
        self._count += 1
        chunk = FrameChunk(
            rgb_THW3=clock_picture(seconds)[None],
            pts_T=np.array([self._count * 3600], np.int64),
            first=self._count,
            video=VIDEO,
        )
        captured = Captured(captured_s=seconds, received=2 * self._count, dropped=self._count, reconnects=3)
        people, surfaces = somebody()
        (overlay,) = self.stage(JOB, chunk, people, surfaces, captured)
        self.drawn = [*self.drawn[-4:], overlay.rgb_THW3[0]]

    def _feed(self) -> None:
        while not self._stopped.wait(0.03):
            self.show(time.time())

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self.stage.close()


def somebody() -> tuple[PeopleFound, Surfaces]:
    """One person: a square of chart 1 in the lower half, whose U and V run from 0 to 1."""
    v, u = np.mgrid[0:1:60j, 0:1:60j].astype(np.float32)
    surface = Surface(x0=100, y0=110, labels_hw=np.ones((60, 60), np.uint8), uv_2hw=np.stack([u, v]))
    people = PeopleFound(
        frame_N=np.zeros(1, np.int32),
        box_N4=np.array([[100, 110, 160, 170]], np.float32),
        score_N=np.ones(1, np.float32),
        id_N=np.ones(1, np.int32),
    )
    return people, Surfaces(people=(surface,))


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    opened: list[Running] = []

    def begin(**settings: Any) -> Running:
        opened.append(Running(**settings))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def talk(body: Callable[[aiohttp.ClientSession], Awaitable[Any]]) -> Any:
    """Run a conversation with the page to its end."""

    async def whole() -> Any:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await asyncio.wait_for(body(session), 60)

    return asyncio.run(whole())


async def told(socket: Any, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first text message of which something is true."""
    while True:
        message = await socket.receive(timeout=20)
        if message.type == aiohttp.WSMsgType.TEXT and true(news := json.loads(message.data)):
            return news


def test_pictures_come_as_they_are_made_and_say_when(running: Callable[..., Running]) -> None:
    run = running(quality=95)

    async def body(session: aiohttp.ClientSession) -> list[tuple[float, bytes]]:
        got: list[tuple[float, bytes]] = []
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            while len(got) < 10:
                message = await socket.receive(timeout=20)
                if message.type == aiohttp.WSMsgType.BINARY:
                    got.append((struct.unpack(">d", message.data[:8])[0], message.data[8:]))
        return got

    got = talk(body)
    stamps = [stamp for stamp, _ in got]
    assert stamps == sorted(stamps)
    for stamp, jpeg in got:
        rgb_HW3 = np.asarray(Image.open(io.BytesIO(jpeg)))
        assert rgb_HW3.shape == (HEIGHT, WIDTH, 3)
        assert read_clock(rgb_HW3) == int(stamp * 1000) % CYCLE  # the stamp is of this picture and no other


def test_a_viewer_is_given_the_newest_picture_and_none_twice(running: Callable[..., Running]) -> None:
    run = running(by_itself=False, quality=95)
    for second in (1, 2, 3):
        run.show(second)  # nobody watches

    async def picture(socket: Any) -> float:
        while (message := await socket.receive(timeout=20)).type != aiohttp.WSMsgType.BINARY:
            pass
        stamp = struct.unpack(">d", message.data[:8])[0]
        shown = np.asarray(Image.open(io.BytesIO(message.data[8:])))
        assert read_clock(shown) == int(stamp * 1000) % CYCLE
        return stamp

    async def body(session: aiohttp.ClientSession) -> list[float]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            got = [await picture(socket)]
            for second in range(4, 40):
                run.show(second)
            while got[-1] < 39:
                got.append(await picture(socket))
        return got

    got = talk(body)
    assert got[0] == 3 and got == sorted(set(got))


def test_figures_are_those_of_the_run(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            return await told(socket, lambda news: news["figures"]["frames"] > 20)

    news = talk(body)
    figures = news["figures"]
    assert figures["live"] and figures["people"] == 1 and figures["reconnects"] == 3
    assert figures["dropped"] * 2 == figures["received"]
    assert 0 < figures["fps"] < 40
    assert 0 <= figures["latency_p50_ms"] <= figures["latency_p95_ms"]
    assert news["look"] == {"style": "texture", "beside": False, "atlas": "default", "opacity": None}


def test_a_viewer_changes_the_style_of_the_result(running: Callable[..., Running]) -> None:
    run = running()

    async def wish(change: dict[str, Any], true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://{run.host}/live") as socket:
            await socket.send_str(json.dumps(change))
            return await told(socket, true)

    asyncio.run(wish({"style": "none", "beside": False}, lambda news: news.get("look", {}).get("style") == "none"))
    wait_for(lambda: bool(run.drawn) and spread(run.drawn[-1]) == 0)  # the person is no longer drawn
    asyncio.run(wish({"style": "uv", "opacity": 1}, lambda news: news.get("look", {}).get("opacity") == 1))
    wait_for(lambda: spread(run.drawn[-1]) > 50)
    asyncio.run(wish({"beside": True}, lambda news: news.get("look", {}).get("beside") is True))
    wait_for(lambda: run.drawn[-1].shape == (HEIGHT, 2 * WIDTH, 3))


def spread(rgb_HW3: np.ndarray) -> float:
    """How much the person's square differs within itself: grey ground has nothing of it."""
    return float(np.ptp(rgb_HW3[115:165, 105:155].astype(int), axis=(0, 1)).max())


@pytest.mark.parametrize(
    "wish",
    [
        *({"style": "nonsense"}, {"opacity": 2}, {"opacity": True}, {"atlas": "../../etc/passwd"}, {"beside": 1}),
        *({"weights": "x"}, {"style": ["texture"]}, ["style"], "{"),
    ],
)
def test_what_cannot_be_is_answered_with_why_and_changes_nothing(wish: Any, running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> tuple[str, dict[str, Any]]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            await socket.send_str(wish if isinstance(wish, str) else json.dumps(wish))
            answer = await told(socket, lambda news: "figures" not in news)
            after = await told(socket, lambda news: "figures" in news)
            return answer["trouble"], after["look"]

    trouble, look = talk(body)
    assert trouble and "Traceback" not in trouble
    assert look == {"style": "texture", "beside": False, "atlas": "default", "opacity": None}


def test_a_style_that_this_network_cannot_give_does_not_end_the_run(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            await socket.send_str(json.dumps({"style": "confidence"}))
            return await told(socket, lambda news: "how sure" in news.get("trouble", ""))

    assert talk(body)["look"]["style"] == "texture"


def test_an_uploaded_atlas_is_worn(running: Callable[..., Running]) -> None:
    run = running()
    picture = io.BytesIO()
    Image.new("RGB", (400, 600), (0, 200, 0)).save(picture, "PNG")

    async def body(session: aiohttp.ClientSession) -> Any:
        async with session.post(f"http://{run.host}/atlas/green suit.png", data=picture.getvalue()) as answer:
            return answer.status, await answer.json()

    assert talk(body) == (200, {"atlas": "green suit.png"})
    wait_for(lambda: bool(run.drawn) and np.subtract(*run.drawn[-1][140, 130, 1::-1].astype(int)) > 60)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.png", b"no picture", "cannot be read"),
        ("a.exe", b"MZ", "an atlas is a picture"),
        ("wide.png", None, "not 24 square tiles"),
        ("..%2f..%2fevil.png", b"no picture", "cannot be read"),
    ],
)
def test_an_upload_that_is_no_atlas_is_refused(
    name: str, content: bytes | None, part: str, running: Callable[..., Running]
) -> None:
    run = running()
    if content is None:
        picture = io.BytesIO()
        Image.new("RGB", (300, 100)).save(picture, "PNG")
        content = picture.getvalue()

    async def body(session: aiohttp.ClientSession) -> Any:
        async with session.post(f"http://{run.host}/atlas/{name}", data=content) as answer:
            return answer.status, await answer.json()

    status, answer = talk(body)
    assert status == 400 and part in answer["error"] and "/tmp" not in answer["error"]


def test_atlases_make_place_for_each_other_and_a_bad_one_takes_nothing_away() -> None:
    looks = Looks(Render.Config(), 1)

    def atlas(green: int) -> bytes:
        picture = io.BytesIO()
        Image.new("RGB", (400, 600), (0, green, 0)).save(picture, "PNG")
        return picture.getvalue()

    try:
        for number in range(MOST_ATLASES + 2):
            _, gone = looks.upload(f"{number}.png", atlas(number))
            assert gone == ([f"{number - MOST_ATLASES}.png"] if number >= MOST_ATLASES else [])
        names = looks.atlases
        assert names == ["default", *(f"{number}.png" for number in range(2, MOST_ATLASES + 2))]
        for name in names[1:]:
            with pytest.raises(StageError, match="cannot be read"):
                looks.upload(name, b"no picture")
        assert [looks.change({"atlas": name}).atlas for name in names] == names  # all of them are still there
        looks.upload(names[1], atlas(99))  # under the same name: the new one, and nobody else goes
        assert set(looks.atlases) == set(names)
        assert len(list(Path(looks._folder.name).iterdir())) == MOST_ATLASES
    finally:
        looks.close()


def duplicated(content: bytes) -> bytes:
    """A picture of which a stretch stands there twice, as damaged copies have it."""
    return content[:100] + content[60:]


def hostile_uploads() -> dict[str, bytes]:
    """Names and contents that are pictures, but no atlases."""
    made = {}
    for kind in ("PNG", "JPEG", "WEBP"):
        picture = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(picture, kind)
        suffix = "jpg" if kind == "JPEG" else kind.lower()
        whole = picture.getvalue()
        made |= {f"cut.{suffix}": whole[: len(whole) // 2], f"empty.{suffix}": b""}
        made |= {f"other{at}.{suffix}": whole[:at] + b"\xff" * 8 + whole[at + 8 :] for at in (8, 12, 16, 20, 33, 41)}
    whole = DEFAULT_ATLAS.read_bytes()
    made |= {f"twice{at}.png": whole[:at] + whole[max(0, at - 30) :] for at in (30, 60, 100, 5000, len(whole) - 12)}
    film = io.BytesIO()
    frames = [Image.new("RGB", (400, 600), (value, 0, 0)) for value in (0, 90, 200)]
    frames[0].save(film, "WEBP", save_all=True, append_images=frames[1:])
    made["film.webp"] = film.getvalue()[:-20]
    return made


def test_whatever_is_uploaded_is_worn_or_refused_in_words(running: Callable[..., Running]) -> None:
    run = running()
    uploads = hostile_uploads()

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        said = {}
        for name, content in uploads.items():
            async with session.post(f"http://{run.host}/atlas/{name}", data=content) as answer:
                said[name] = answer.status, await answer.json()
        return said

    said = talk(body)
    refused = {name: answer for name, (status, answer) in said.items() if status != 200}
    assert {status for status, _ in said.values()} <= {200, 400}
    assert all(answer["error"] and "/tmp" not in answer["error"] for answer in refused.values())
    assert len(refused) > len(uploads) / 2
    kept = list(Path(run.stage._looks._folder.name).iterdir())
    assert len(kept) == len(run.stage._looks.atlases) - 1


def test_uploads_have_a_quota_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.live.looks.MOST_BYTES", 3 * DEFAULT_ATLAS.stat().st_size)
    looks = Looks(Render.Config(), 1)
    try:
        for number in range(5):
            looks.upload(f"{number}.png", DEFAULT_ATLAS.read_bytes())
            looks.change({"atlas": "0.png"})
        assert looks.atlases == ["default", "0.png", "3.png", "4.png"]
        assert len(list(Path(looks._folder.name).iterdir())) == 3
    finally:
        looks.close()


def test_too_large_an_upload_is_refused(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.post(f"http://{run.host}/atlas/a.png", data=bytes(17 << 20)) as answer:
            return answer.status, await answer.json()

    status, answer = talk(body)
    assert status == 413 and "more than 16 MB" in answer["error"]


def test_with_a_token_nobody_comes_in_without_it(running: Callable[..., Running]) -> None:
    run = running(token="open-sesame")

    async def body(session: aiohttp.ClientSession) -> list[int]:
        seen = []
        for path in ("/", "/live", "/?token=wrong", "/?token=open-sesame"):
            async with session.get(f"http://{run.host}{path}") as answer:
                seen.append(answer.status)
        async with session.post(f"http://{run.host}/atlas/a.png", data=DEFAULT_ATLAS.read_bytes()) as answer:
            seen.append(answer.status)
        async with session.get(f"http://{run.host}/", headers={"Cookie": "token=open-sesame"}) as answer:
            seen.append(answer.status)
        async with session.ws_connect(f"http://{run.host}/live?token=open-sesame") as socket:
            await told(socket, lambda news: "figures" in news)
        return seen

    assert talk(body) == [403, 403, 403, 200, 403, 200]


def test_another_site_in_the_same_browser_is_kept_out(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> list[int]:
        seen = []
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": f"http://{run.host}"}):
            async with session.get(f"http://{run.host}/", headers=headers) as answer:
                seen.append(answer.status)
        return seen

    assert talk(body) == [403, 403, 200]


def test_a_port_that_is_taken_is_one_sentence(running: Callable[..., Running]) -> None:
    run = running()
    with pytest.raises(StageError, match=r"preview\.port=null") as caught:
        Preview(Preview.Config(port=run.port))
    assert str(run.port) in str(caught.value)


def test_the_address_is_said_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    Preview.fetch(Preview.Config(host="0.0.0.0", port=9001, token="abc"))
    assert capsys.readouterr().err == "preview: http://0.0.0.0:9001/?token=abc\n"


def test_without_a_port_nothing_is_served_and_everything_drawn() -> None:
    stage = Preview(Preview.Config(port=None))
    chunk = FrameChunk(rgb_THW3=clock_picture(1)[None], pts_T=np.zeros(1, np.int64), first=0, video=VIDEO)
    captured = Captured(captured_s=time.time(), received=1, dropped=0, reconnects=0)
    (overlay,) = stage(JOB, chunk, nobody(), Surfaces(people=()), captured)
    stage.close()
    assert (overlay.rgb_THW3 == chunk.rgb_THW3).all()


def test_the_page_in_a_browser(running: Callable[..., Running], tmp_path: Path) -> None:
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium here")
    run = running(token="open-sesame", quality=95)
    browser = Browser(program, tmp_path / "profile")
    try:
        browser.open(f"http://{run.host}/?token=open-sesame")
        browser.wait("Number(at('picture').dataset.shown) > 10", 60)
        assert browser.run("[at('picture').width, at('picture').height]") == [WIDTH, HEIGHT]
        browser.wait("at('fps').textContent > 0 && at('dropped').textContent.includes(' of ')")
        browser.wait("at('lamp').className == 'on' && at('people').textContent == '1'")
        browser.wait(made_after(time.time()))  # it goes on
        browser.run("at('style').value = 'none'; at('style').onchange({target: at('style')})")
        wait_for(lambda: bool(run.drawn) and spread(run.drawn[-1]) == 0)
        browser.run("at('beside').checked = true; at('beside').onchange({target: at('beside')})")
        browser.run("at('style').value = 'uv'; at('style').onchange({target: at('style')})")
        browser.wait(f"at('picture').width == {2 * WIDTH}")
        browser.run("at('opacity').value = 40; at('opacity').oninput({target: at('opacity')})")
        wait_for(lambda: run.stage._looks.look.opacity == 0.4)
        browser.run("upload(new File(['no picture'], 'bad.png'))")
        browser.wait("at('trouble').textContent.includes('cannot be read')")
        browser.screenshot(tmp_path / "page.png")
        assert Image.open(tmp_path / "page.png").size[0] >= 1000
    finally:
        browser.close()


def closed(connection: socket.socket) -> bool:
    """Whether the other side has hung up."""
    try:
        return connection.recv(4096, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_who_says_nothing_or_says_it_slowly_is_let_go_and_viewers_stay(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((visitors, "PATIENCE_S"), (live_page, "PATIENCE_S"), (live_page, "REQUEST_S")):
        monkeypatch.setattr(module, name, 1.0)
    run = running()
    head = f"HTTP/1.1\r\nHost: {run.host}\r\n"
    words = ["", f"GET / {head}X: ", f"POST /atlas/a.png {head}Content-Length: 99\r\n\r\n", f"GET / {head}\r\n"]
    slow = 1

    async def body(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"http://{run.host}/live") as viewer:
            opened = [(number % 4, socket_to(run.port)) for number in range(120)]
            for kind, connection in opened:
                connection.sendall(words[kind].encode())
            while left := [one for one in opened if not closed(one[1])]:
                for kind, connection in left:
                    with contextlib.suppress(OSError):
                        connection.send(b"x" if kind == slow else b"")
                await asyncio.sleep(0.2)
            for _, connection in opened:
                connection.close()
            await told(viewer, lambda news: news["figures"]["live"])

    talk(body)


def test_an_address_of_this_machine_alone_shows_the_page(running: Callable[..., Running]) -> None:
    try:
        run = running(host="127.0.0.2")
    except StageError:
        pytest.skip("this system has 127.0.0.1 alone")

    async def body(session: aiohttp.ClientSession) -> int:
        async with session.get(f"http://127.0.0.2:{run.port}/") as answer:
            return answer.status

    assert talk(body) == 200


def socket_to(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


def test_a_page_before_the_first_picture_says_what_is_done_meanwhile(running: Callable[..., Running]) -> None:
    run = running(by_itself=False)

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.ws_connect(f"http://{run.host}/live") as viewer:
            return await told(viewer, lambda news: news["figures"]["waited_s"] > 0)

    figures = talk(body)["figures"]
    assert figures["frames"] == 0 and not figures["live"]
    assert "the network is being loaded" in PAGE.read_text()
