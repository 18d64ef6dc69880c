"""The page of a live run: WebSocket, uploads, access, and the page in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
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
from stages.live import page_access, page_server
from stages.live.page import PAGE
from stages.live.payloads import Captured
from stages.live.preview import Preview
from stages.live.view_style import MAX_ATLASES, StyleSwitcher
from stages.payloads import FrameChunk, PersonSurface, Surfaces, VideoInfo
from stages.payloads import People as PeopleFound
from tests.stages.live import waiting
from tests.stages.live.browser import Browser, browser_program, made_after
from tests.stages.live.clock_video import CYCLE, HEIGHT, WIDTH, clock_image, free_port, read_clock
from tests.stages.live.live_without_network import LiveRun, no_people

wait_for = partial(waiting.wait_for, seconds=20)
VIDEO = VideoInfo(path="", width=WIDTH, height=HEIGHT, still=False, rate=Fraction(25), time_base=Fraction(1, 90_000))
JOB = Job(index=0, input="0", output=None, stem="live")


class Running:
    """A preview that shows clock frames: from a thread in real time, or from calls of `show`."""

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
        """Give the stage a frame that was captured at this time and shows it."""
        self._count += 1
        chunk = FrameChunk(
            rgb_THW3=clock_image(seconds)[None],
            pts_T=np.array([self._count * 3600], np.int64),
            first=self._count,
            video=VIDEO,
        )
        captured = Captured(captured_s=seconds, received=2 * self._count, dropped=self._count, reconnects=3)
        people, surfaces = one_person()
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


def one_person() -> tuple[PeopleFound, Surfaces]:
    """One person: a square of chart 1 in the lower half, whose U and V run from 0 to 1."""
    v, u = np.mgrid[0:1:60j, 0:1:60j].astype(np.float32)
    surface = PersonSurface(x0=100, y0=110, labels_hw=np.ones((60, 60), np.uint8), uv_2hw=np.stack([u, v]))
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
    """Run a client of the page to its end."""

    async def whole() -> Any:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await asyncio.wait_for(body(session), 60)

    return asyncio.run(whole())


async def message_where(socket: Any, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first text message that fulfils a condition."""
    while True:
        message = await socket.receive(timeout=20)
        if message.type == aiohttp.WSMsgType.TEXT and condition(content := json.loads(message.data)):
            return content


def test_frames_arrive_in_order_with_their_capture_time(running: Callable[..., Running]) -> None:
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
        assert read_clock(rgb_HW3) == int(stamp * 1000) % CYCLE  # the time stamp belongs to this frame


def test_a_viewer_gets_the_newest_frame_and_none_twice(running: Callable[..., Running]) -> None:
    run = running(by_itself=False, quality=95)
    for second in (1, 2, 3):
        run.show(second)  # no viewer is connected

    async def next_stamp(socket: Any) -> float:
        while (message := await socket.receive(timeout=20)).type != aiohttp.WSMsgType.BINARY:
            pass
        stamp = struct.unpack(">d", message.data[:8])[0]
        shown = np.asarray(Image.open(io.BytesIO(message.data[8:])))
        assert read_clock(shown) == int(stamp * 1000) % CYCLE
        return stamp

    async def body(session: aiohttp.ClientSession) -> list[float]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            got = [await next_stamp(socket)]
            for second in range(4, 40):
                run.show(second)
            while got[-1] < 39:
                got.append(await next_stamp(socket))
        return got

    got = talk(body)
    assert got[0] == 3 and got == sorted(set(got))


def test_the_page_gets_the_statistics_of_the_run(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            return await message_where(socket, lambda message: message["figures"]["frames"] > 20)

    message = talk(body)
    figures = message["figures"]
    assert figures["live"] and figures["people"] == 1 and figures["reconnects"] == 3
    assert figures["dropped"] * 2 == figures["received"]
    assert 0 < figures["fps"] < 40
    assert 0 <= figures["latency_p50_ms"] <= figures["latency_p95_ms"]
    assert message["look"] == {"style": "texture", "beside": False, "atlas": "default", "opacity": None}


def test_a_viewer_changes_the_style_of_the_result(running: Callable[..., Running]) -> None:
    run = running()

    async def request(fields: dict[str, Any], condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://{run.host}/live") as socket:
            await socket.send_str(json.dumps(fields))
            return await message_where(socket, condition)

    asyncio.run(request({"style": "none", "beside": False}, lambda message: message["look"]["style"] == "none"))
    wait_for(lambda: bool(run.drawn) and spread(run.drawn[-1]) == 0)  # the person is no longer drawn
    asyncio.run(request({"style": "uv", "opacity": 1}, lambda message: message.get("look", {}).get("opacity") == 1))
    wait_for(lambda: spread(run.drawn[-1]) > 50)
    asyncio.run(request({"beside": True}, lambda message: message.get("look", {}).get("beside") is True))
    wait_for(lambda: run.drawn[-1].shape == (HEIGHT, 2 * WIDTH, 3))


def spread(rgb_HW3: np.ndarray) -> float:
    """Range of colours inside the person's square; 0 for the grey background."""
    return float(np.ptp(rgb_HW3[115:165, 105:155].astype(int), axis=(0, 1)).max())


@pytest.mark.parametrize(
    "fields",
    [
        *({"style": "nonsense"}, {"opacity": 2}, {"opacity": True}, {"atlas": "../../etc/passwd"}, {"beside": 1}),
        *({"weights": "x"}, {"style": ["texture"]}, ["style"], "{"),
    ],
)
def test_a_wrong_request_gets_an_error_and_changes_nothing(fields: Any, running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> tuple[str, dict[str, Any]]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            await socket.send_str(fields if isinstance(fields, str) else json.dumps(fields))
            answer = await message_where(socket, lambda message: "figures" not in message)
            after = await message_where(socket, lambda message: "figures" in message)
            return answer["trouble"], after["look"]

    trouble, look = talk(body)
    assert trouble and "Traceback" not in trouble
    assert look == {"style": "texture", "beside": False, "atlas": "default", "opacity": None}


def test_a_style_that_this_network_cannot_provide_does_not_end_the_run(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.ws_connect(f"http://{run.host}/live") as socket:
            await socket.send_str(json.dumps({"style": "confidence"}))
            return await message_where(socket, lambda message: bool(message.get("trouble")))

    assert talk(body)["look"]["style"] == "texture"


def test_an_uploaded_atlas_is_drawn(running: Callable[..., Running]) -> None:
    run = running()
    image_file = io.BytesIO()
    Image.new("RGB", (400, 600), (0, 200, 0)).save(image_file, "PNG")

    async def body(session: aiohttp.ClientSession) -> Any:
        async with session.post(f"http://{run.host}/atlas/green suit.png", data=image_file.getvalue()) as answer:
            return answer.status, await answer.json()

    assert talk(body) == (200, {"atlas": "green suit.png"})
    wait_for(lambda: bool(run.drawn) and np.subtract(*run.drawn[-1][140, 130, 1::-1].astype(int)) > 60)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.png", b"no image", "cannot be read"),
        ("a.exe", b"MZ", "an atlas must be an image file"),
        ("wide.png", None, "not 24 square tiles"),
        ("..%2f..%2fevil.png", b"no image", "cannot be read"),
    ],
)
def test_an_upload_that_is_no_atlas_is_refused(
    name: str, content: bytes | None, part: str, running: Callable[..., Running]
) -> None:
    run = running()
    if content is None:
        image_file = io.BytesIO()
        Image.new("RGB", (300, 100)).save(image_file, "PNG")
        content = image_file.getvalue()

    async def body(session: aiohttp.ClientSession) -> Any:
        async with session.post(f"http://{run.host}/atlas/{name}", data=content) as answer:
            return answer.status, await answer.json()

    status, answer = talk(body)
    assert status == 400 and part in answer["error"] and "/tmp" not in answer["error"]


def test_a_new_atlas_replaces_the_oldest_and_a_wrong_one_replaces_none() -> None:
    switcher = StyleSwitcher(Render.Config(), 1)

    def atlas(green: int) -> bytes:
        image_file = io.BytesIO()
        Image.new("RGB", (400, 600), (0, green, 0)).save(image_file, "PNG")
        return image_file.getvalue()

    try:
        for number in range(MAX_ATLASES + 2):
            _, gone = switcher.upload(f"{number}.png", atlas(number))
            assert gone == ([f"{number - MAX_ATLASES}.png"] if number >= MAX_ATLASES else [])
        names = switcher.atlases
        assert names == ["default", *(f"{number}.png" for number in range(2, MAX_ATLASES + 2))]
        for name in names[1:]:
            with pytest.raises(StageError, match="cannot be read"):
                switcher.upload(name, b"no image")
        assert [switcher.change({"atlas": name}).atlas for name in names] == names  # all of them are kept
        switcher.upload(names[1], atlas(99))  # the same name replaces that atlas only
        assert set(switcher.atlases) == set(names)
        assert len(list(Path(switcher._folder.name).iterdir())) == MAX_ATLASES
    finally:
        switcher.close()


def hostile_uploads() -> dict[str, bytes]:
    """Names and contents of damaged image files and of images that are no atlases."""
    made = {}
    for kind in ("PNG", "JPEG", "WEBP"):
        image_file = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(image_file, kind)
        suffix = "jpg" if kind == "JPEG" else kind.lower()
        whole = image_file.getvalue()
        made |= {f"cut.{suffix}": whole[: len(whole) // 2], f"empty.{suffix}": b""}
        made |= {f"other{at}.{suffix}": whole[:at] + b"\xff" * 8 + whole[at + 8 :] for at in (8, 12, 16, 20, 33, 41)}
    whole = DEFAULT_ATLAS.read_bytes()
    made |= {f"twice{at}.png": whole[:at] + whole[max(0, at - 30) :] for at in (30, 60, 100, 5000, len(whole) - 12)}
    animation = io.BytesIO()
    frames = [Image.new("RGB", (400, 600), (value, 0, 0)) for value in (0, 90, 200)]
    frames[0].save(animation, "WEBP", save_all=True, append_images=frames[1:])
    made["animation.webp"] = animation.getvalue()[:-20]
    return made


def test_every_upload_is_drawn_or_refused_with_a_message(running: Callable[..., Running]) -> None:
    run = running()
    uploads = hostile_uploads()

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        responses = {}
        for name, content in uploads.items():
            async with session.post(f"http://{run.host}/atlas/{name}", data=content) as answer:
                responses[name] = answer.status, await answer.json()
        return responses

    responses = talk(body)
    refused = {name: answer for name, (status, answer) in responses.items() if status != 200}
    assert {status for status, _ in responses.values()} <= {200, 400}
    assert all(answer["error"] and "/tmp" not in answer["error"] for answer in refused.values())
    assert len(refused) > len(uploads) / 2
    kept = list(Path(run.stage._switcher._folder.name).iterdir())
    assert len(kept) == len(run.stage._switcher.atlases) - 1


def test_uploads_have_a_size_limit_in_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.live.view_style.MAX_ATLAS_BYTES", 3 * DEFAULT_ATLAS.stat().st_size)
    switcher = StyleSwitcher(Render.Config(), 1)
    try:
        for number in range(5):
            switcher.upload(f"{number}.png", DEFAULT_ATLAS.read_bytes())
            switcher.change({"atlas": "0.png"})
        assert switcher.atlases == ["default", "0.png", "3.png", "4.png"]
        assert len(list(Path(switcher._folder.name).iterdir())) == 3
    finally:
        switcher.close()


def test_a_too_large_upload_is_refused(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.post(f"http://{run.host}/atlas/a.png", data=bytes(17 << 20)) as answer:
            return answer.status, await answer.json()

    status, answer = talk(body)
    assert status == 413 and "more than 16 MB" in answer["error"]


def test_a_page_with_a_token_refuses_requests_without_it(running: Callable[..., Running]) -> None:
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
            await message_where(socket, lambda message: "figures" in message)
        return seen

    assert talk(body) == [403, 403, 403, 200, 403, 200]


def test_requests_of_another_site_are_refused(running: Callable[..., Running]) -> None:
    run = running()

    async def body(session: aiohttp.ClientSession) -> list[int]:
        seen = []
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": f"http://{run.host}"}):
            async with session.get(f"http://{run.host}/", headers=headers) as answer:
                seen.append(answer.status)
        return seen

    assert talk(body) == [403, 403, 200]


def test_a_port_in_use_is_an_error(running: Callable[..., Running]) -> None:
    run = running()
    with pytest.raises(StageError, match=r"preview\.port=null") as caught:
        Preview(Preview.Config(port=run.port))
    assert str(run.port) in str(caught.value)


@pytest.mark.parametrize("token", ["abc", "a+b/c&d=e f"])
def test_the_address_that_is_printed_opens_the_page(token: str) -> None:
    """Also from other machines: it is none that stands for all addresses."""
    config = Preview.Config(host="0.0.0.0", port=free_port(), token=token)
    stage = Preview(config)
    try:
        (told,) = stage.addresses()
        address = told.removeprefix("preview: ")
        assert "0.0.0.0" not in address
        with urllib.request.urlopen(address, timeout=30) as found:
            assert found.status == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0], timeout=30)
    finally:
        stage.close()
    without = Preview(Preview.Config(port=None))
    assert without.addresses() == ()
    without.close()


@pytest.mark.parametrize("way", [[], ["--serial"]])
def test_a_run_whose_port_is_in_use_prints_no_address(way: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as silent:
        port, source = taken.getsockname()[1], f"http://127.0.0.1:{silent.getsockname()[1]}/video.ts"
        run = LiveRun(tmp_path, source, *way, "--set", f"preview.port={port}")
        assert run.end() == 1
    assert "preview.port" in run.output() and "preview: http" not in run.output()


def test_without_a_port_frames_are_drawn_and_no_page_is_served() -> None:
    stage = Preview(Preview.Config(port=None))
    chunk = FrameChunk(rgb_THW3=clock_image(1)[None], pts_T=np.zeros(1, np.int64), first=0, video=VIDEO)
    captured = Captured(captured_s=time.time(), received=1, dropped=0, reconnects=0)
    (overlay,) = stage(JOB, chunk, no_people(), Surfaces(people=()), captured)
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
        browser.wait(made_after(time.time()))  # the video goes on
        browser.run("at('style').value = 'none'; at('style').onchange({target: at('style')})")
        wait_for(lambda: bool(run.drawn) and spread(run.drawn[-1]) == 0)
        browser.run("at('beside').checked = true; at('beside').onchange({target: at('beside')})")
        browser.run("at('style').value = 'uv'; at('style').onchange({target: at('style')})")
        browser.wait(f"at('picture').width == {2 * WIDTH}")
        browser.run("at('opacity').value = 40; at('opacity').oninput({target: at('opacity')})")
        wait_for(lambda: run.stage._switcher.style.opacity == 0.4)
        browser.run("upload(new File(['no image'], 'bad.png'))")
        browser.wait("at('trouble').textContent.includes('cannot be read')")
        browser.screenshot(tmp_path / "page.png")
        assert Image.open(tmp_path / "page.png").size[0] >= 1000
    finally:
        browser.close()


def closed(connection: socket.socket) -> bool:
    """True if the server has closed the connection."""
    try:
        return connection.recv(4096, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_idle_and_slow_connections_are_closed_and_viewers_stay(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_access, "IDLE_TIMEOUT_S", 1.0)
    monkeypatch.setattr(page_server, "IDLE_TIMEOUT_S", 1.0)
    monkeypatch.setattr(page_server, "REQUEST_TIMEOUT_S", 1.0)
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
            await message_where(viewer, lambda message: message["figures"]["live"])

    talk(body)


def test_the_page_is_served_at_every_loopback_address(running: Callable[..., Running]) -> None:
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


def test_before_the_first_frame_the_page_reports_the_start(running: Callable[..., Running]) -> None:
    run = running(by_itself=False)

    async def body(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.ws_connect(f"http://{run.host}/live") as viewer:
            return await message_where(viewer, lambda message: message["figures"]["waited_s"] > 0)

    figures = talk(body)["figures"]
    assert figures["frames"] == 0 and not figures["live"]
    assert "loading the network" in PAGE.read_text()
