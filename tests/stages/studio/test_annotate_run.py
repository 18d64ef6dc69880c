"""`-c annotate` as users run it: the page is served, Ctrl-C ends it and writes the file, and a second run goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.annotations.densepose_coco import read_dense_set
from tests.stages.live.clock_video import free_port

ROOT = Path(__file__).resolve().parents[3]
START_S = 120.0


def command(folder: Path, port: int, *words: str) -> list[str]:
    settings = [f"annotate.port={port}", "annotate.propose=false"]
    inputs = [sys.executable, str(ROOT / "run_pipeline.py"), str(folder), "-c", "annotate"]
    return [*inputs, "-o", str(folder / "people.json"), *(word for one in settings for word in ("--set", one)), *words]


def posted(port: int, path: str, message: dict[str, object]) -> dict[str, object]:
    """The answer to a message; the page may not be served yet."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(message).encode(), {"Content-Type": "application/json"}
    )
    end = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as found:
                answer: dict[str, object] = json.loads(found.read())
                return answer
        except ConnectionError:
            raise
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command(folder, port), stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((60, 80, 3), 90, np.uint8))
    return tmp_path


def box(number: int) -> dict[str, object]:
    action = {"do": "box", "person": number, "box_4": [1, 1, 20 + number, 30]}
    return {"who": "ann", "image": "0.png", "action": action}


def test_a_run_ends_with_the_file_and_the_next_goes_on(folder: Path) -> None:
    port = free_port()
    with running(folder, port) as process:
        posted(port, "/act", box(1))
        process.kill()  # as a power cut would: only the journal is there
        process.wait()
    assert not (folder / "people.json").exists()
    with running(folder, port) as process:
        posted(port, "/act", box(2))
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
        assert process.returncode == 130 and f"annotate at http://127.0.0.1:{port}/" in printed
        assert "finished images: 0, people: 2" in printed and "stopped early" not in printed
    made = read_dense_set(folder / "people.json")
    assert [(one.file_name, one.complete) for one in made.images] == [("0.png", False)]  # nobody opened the other
    assert [one.box_4 for one in made.people] == [(1, 1, 20, 29), (1, 1, 21, 29)]
    checked = subprocess.run(command(folder, port, "--set", "check=true"), capture_output=True, text=True, timeout=120)
    assert checked.returncode == 1 and "no person of this file has parts or points to check" in checked.stderr


def test_the_printed_addresses_open_the_pages(folder: Path) -> None:
    """Once on the terminal, with their tokens; no log and no report has them."""
    words = ["--report", str(folder / "report.json"), "--log", str(folder / "log.jsonl")]
    words += ["--set", "annotate.host=0.0.0.0"]
    port = free_port()
    process = subprocess.Popen(command(folder, port, *words), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = [process.stderr.readline(), process.stderr.readline()]
        found = [word for line in lines for word in line.split() if word.startswith("http://")]
        assert [one.partition("?")[0].rpartition(f":{port}")[2] for one in found] == ["/", "/review"]
        posted(port, f"/name?{found[0].partition('?')[2]}", {"who": "ann"})  # waits until the page is served
        for address in found:
            with urllib.request.urlopen(address, timeout=30) as page:
                assert page.status == 200 and "DensePose annotation" in page.read().decode()
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=START_S)[1]
    finally:
        process.kill()
        process.communicate()
    texts = [rest, (folder / "report.json").read_text(), (folder / "log.jsonl").read_text()]
    tokens = [one.partition("token=")[2] for one in found]
    assert len(set(tokens)) == 2 and not [token for token in tokens for text in texts if token in text]


@pytest.mark.parametrize(
    ("made", "words", "message"),
    [
        ("people.json", [], "there is no journal beside it"),
        (None, ["-o", "."], "the result is a folder"),
        (None, ["-o", "people.txt"], "people.txt: annotations are written as a .json file"),
        (None, ["--set", "check=true"], "people.json: this file does not exist; -o names the annotations to check"),
        (None, ["--set", "annotate.body=smpl"], "annotate.body: smpl: there is no UV_Processed.mat"),
        (None, ["--set", "annotate.annotations=no.json"], "annotate.annotations: no.json: this file does not exist"),
    ],
)
def test_what_cannot_be_annotated_is_refused(
    folder: Path, made: str | None, words: list[str], message: str
) -> None:
    if made is not None:
        (folder / made).write_bytes(b"{}")
    done = subprocess.run(command(folder, free_port(), *words), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and message in done.stderr

