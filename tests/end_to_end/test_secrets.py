"""Runs over addresses with secrets in them: nothing that is said, written or shown has one in it."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pipeline.command.cli import main
from tests.stages.live.clock_video import VideoServer, free_port
from tests.stages.live.live_without_network import CONFIG, TABLE
from tests.stages.live.test_live_ending import HLS, write_numbered_video
from tests.stages.live.waiting import wait_for

SECRET = "Hush7Hush"
"""Stands in every address below, in one piece or in several."""
FILES = """
inputs: media
lanes:
  all: {stages: [decode, no_people, render, encode, export]}
threads: 1
render: {style: none}
encode: {preset: ultrafast}
"""
ELSEWHERE = "127.0.0.1:9"
"""Nobody answers there."""
RUNS = {
    "rtsp": [f"rtsp://me:{SECRET}@{ELSEWHERE}/a"],
    "a password with an at": [f"rtsp://me:{SECRET}@{SECRET}@{ELSEWHERE}/a"],
    "a password with a slash": [f"rtsp://me:{SECRET}/{SECRET}@{ELSEWHERE}/a"],
    "a password with a colon": [f"rtsp://me:{SECRET}:{SECRET}@{ELSEWHERE}"],
    "a password with a question": [f"rtsp://me:{SECRET}?{SECRET}@{ELSEWHERE}/a"],
    "a password in code": [f"rtsp://me:{SECRET}%40{SECRET}@{ELSEWHERE}/a"],
    "a password with a space": [f"http://me:{SECRET} {SECRET}@{ELSEWHERE}/a.ts"],
    "a token": [f"http://{ELSEWHERE}/a.ts?token={SECRET}"],
    "a signature": [f"https://{ELSEWHERE}/a.mp4?X-Amz-Credential={SECRET}%2Fx&X-Amz-Signature={SECRET}"],
    "a fragment": [f"http://{ELSEWHERE}/a.ts#{SECRET}"],
    "a passphrase": [f"srt://{ELSEWHERE}?passphrase={SECRET}&streamid={SECRET}"],
    "a key that is watched": [f"rtmp://{ELSEWHERE}/app/{SECRET}"],
    "no such scheme": [f"gopher://me:{SECRET}@{ELSEWHERE}/a"],
    "an option": [f"http://{ELSEWHERE}/a.ts", "--set", f"live_decode.source.options.headers='X: {SECRET}'"],
    "a key that is sent to": ["film.ts", "-o", f"rtmp://{ELSEWHERE}/app/{SECRET}"],
    "a server of another kind": ["film.ts", "-o", f"http://me:{SECRET}@{ELSEWHERE}/x"],
    "a place that takes none": [
        f"rtsp://me:{SECRET}@{ELSEWHERE}/a",
        "--set",
        f"credits=rtsp://me:{SECRET}@{ELSEWHERE}",
    ],
    "an unknown key": [f"rtsp://me:{SECRET}@{ELSEWHERE}/a", "--set", f"rtsp://me:{SECRET}@{ELSEWHERE}=1"],
    "several": [f"rtsp://me:{SECRET}@{ELSEWHERE}/a", f"rtmp://{ELSEWHERE}/app/{SECRET}"],
    "no atlas": ["film.ts", "--atlas", f"http://me:{SECRET}@{ELSEWHERE}/a.png", "--style", "texture"],
    "no weights": ["film.ts", "--weights", f"https://{ELSEWHERE}/w.pkl?sig={SECRET}"],
}
OVER_FILES = {
    "a film with a token": ["SERVER/film.mp4?token=" + SECRET],
    "with a password": ["USER/film.mp4"],
    "a file that is not there": ["USER/none.mp4?token=" + SECRET],
    "a playlist that names tokens": ["SERVER/list.m3u8?token=" + SECRET],
    "a playlist of what is not there": ["SERVER/absent.m3u8"],
    "a store": [f"s3://KEY:{SECRET}@bucket/film.mp4"],
    "to a store": ["film.ts", "-o", f"s3://KEY:{SECRET}@bucket/film.mp4"],
    "to a server": ["film.ts", "-o", f"http://me:{SECRET}@{ELSEWHERE}/film.mp4"],
    "exports to a store": ["film.ts", "--export", f"csv=s3://KEY:{SECRET}@bucket/a.csv"],
    "a report elsewhere": ["film.ts", "--report", f"s3://KEY:{SECRET}@bucket/r.json"],
    "a log elsewhere": ["film.ts", "--log", f"http://me:{SECRET}@{ELSEWHERE}/log.jsonl"],
    "two inputs": ["USER/film.mp4", "USER/none.mp4", "-o", "out/"],
    "a batch": ["USER/film.mp4", "USER/none.mp4", "-o", "out/", "--set", "batch={workers: 1}"],
}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of films, which asks nobody who they are."""
    folder = tmp_path_factory.mktemp("served")
    write_numbered_video(folder / "film.mp4", 1)
    write_numbered_video(folder / "list.m3u8", 2, HLS)
    listed = (folder / "list.m3u8").read_text()
    (folder / "list.m3u8").write_text(listed.replace(".ts", f".ts?token={SECRET}"))
    (folder / "absent.m3u8").write_text(listed.replace("list", f"http://me:{SECRET}@{ELSEWHERE}/{SECRET}"))

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            return

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


def run(config: str, words: list[str]) -> int:
    Path("run.yaml").write_text(config)
    watched = ["--report", "report.json", "--log", "log.jsonl", "--profile", "profile.json", "--debug", "--serial"]
    return main(["-c", "run.yaml", *watched, *words], TABLE)


def assert_quiet(said: str, folder: Path) -> None:
    """Neither what was said nor any file, nor its name, holds the secret."""
    assert SECRET not in said, said
    for path in folder.rglob("*"):
        assert SECRET not in path.name, path
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), f"{path}: {path.read_bytes()[:2000]!r}"


@pytest.mark.parametrize("name", RUNS)
def test_a_live_run_reveals_no_secret(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if "film.ts" in RUNS[name]:
        write_numbered_video(tmp_path / "film.ts", 1)
    code = run(CONFIG, RUNS[name])
    said = capfd.readouterr()
    assert code in (1, 2), said
    assert "error:" in said.err
    assert_quiet(said.out + said.err, tmp_path)


@pytest.mark.parametrize("name", OVER_FILES)
def test_a_run_over_files_reveals_no_secret(
    name: str, server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if "film.ts" in OVER_FILES[name]:
        write_numbered_video(tmp_path / "film.ts", 1)
    swapped = {"SERVER": f"http://{server}", "USER": f"http://me:{SECRET}@{server}"}
    words = [word.replace(key, value) for word in OVER_FILES[name] for key, value in swapped.items() if key in word]
    words += [word for word in OVER_FILES[name] if not any(key in word for key in swapped)]
    exports = [] if "--export" in words else ["--export", "surfaces=saved/", "--export", "csv=csv/"]
    run(FILES, [*words, *exports])
    said = capfd.readouterr()
    assert ".densepose." in said.err or "out/" in said.err or "error:" in said.err
    assert_quiet(said.out + said.err, tmp_path)


def test_a_successful_run_names_the_source_of_its_video(
    server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(FILES, [f"http://me:{SECRET}@{server}/film.mp4?token={SECRET}"]) == 0
    assert f"http://{server}/film.mp4 → film.densepose.mp4 (25 frames)" in capfd.readouterr().err
    (entry,) = json.loads(Path("report.json").read_text())["inputs"]
    assert entry["path"] == f"http://{server}/film.mp4"


def test_a_page_of_a_run_shows_no_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own token is for who reads the first line."""
    words = [
        "--set",
        f"preview.port={free_port()}",
        "--set",
        "preview.host=0.0.0.0",
        "--set",
        "preview.token=Open7Door",
    ]
    assert run(CONFIG, [f"rtsp://me:{SECRET}@{ELSEWHERE}/a", *words]) == 1
    said = capfd.readouterr().err
    assert "?token=Open7Door" in said
    assert_quiet(said, tmp_path)


def test_neither_page_nor_figures_tell_a_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, page, figures = VideoServer(free_port()), free_port(), free_port()
    seen: list[bytes] = []

    def look() -> None:
        """As a viewer and Prometheus do, when both have something to show; then the source goes away."""
        measured = f"http://127.0.0.1:{figures}/metrics"
        try:
            wait_for(lambda: b'densepose_live_received{stream="0"}' in shown(measured))
            seen.extend([shown(f"http://127.0.0.1:{page}/"), shown(measured), asyncio.run(news(page))])
        finally:
            source.kill()

    looking = threading.Thread(target=look)
    looking.start()
    words = ["--set", f"preview.port={page}", "--metrics", str(figures), "--set", "live_decode.source.give_up_s=0"]
    code = run(CONFIG, [source.url.replace("//", f"//me:{SECRET}@"), "-o", "day.mp4", *words])
    looking.join(20)
    said = capfd.readouterr()
    assert code == 1 and "was not found again" in said.err and len(seen) == 3, said
    assert SECRET.encode() not in b"".join(seen)
    assert_quiet(said.out + said.err, tmp_path)


def shown(address: str) -> bytes:
    """What is at an address; nothing while nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            content: bytes = answer.read()
            return content
    except OSError:
        return b""


async def news(port: int) -> bytes:
    """What the page is told."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/live") as viewer:
        while (message := await viewer.receive(timeout=10)).type != aiohttp.WSMsgType.TEXT:
            pass
        return str(message.data).encode()
