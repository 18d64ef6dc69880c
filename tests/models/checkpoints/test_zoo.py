"""Download of published weights from a local server: resumption, checks, messages."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.checkpoints import zoo
from models.errors import ModelError

NAME = "densepose_rcnn_R_50_FPN_s1x"
CONTENT = bytes(range(256)) * 4096


class Server(ThreadingHTTPServer):
    """Serves CONTENT for every path, also ranges. `cut` ends responses early; `requests` records requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cut: int | None = None
        self.sized = True
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if "missing" in self.path:
            self.send_error(404)
            return
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        if self.server.sized:
            self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def with_digits(monkeypatch: pytest.MonkeyPatch, digits: str) -> None:
    """Give an entry these digits, because the real files are not available."""
    entry = dataclasses.replace(zoo.ZOO[NAME], digits=digits)
    monkeypatch.setitem(zoo.ZOO, NAME, entry)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_downloads_once(
    algorithm: str, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_digits(monkeypatch, hashlib.new(algorithm, CONTENT).hexdigest()[:6])
    path = zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url)
    assert path.read_bytes() == CONTENT
    message = capsys.readouterr().err
    assert "1 of 1 MiB" in message
    assert "Attribution-ShareAlike 3.0" in message
    assert "non-commercial" in message
    assert zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url) == path
    assert server.requests == [(f"/{NAME}/165712039/{path.name}", None)]


def test_a_partial_download_is_continued(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with_digits(monkeypatch, hashlib.md5(CONTENT).hexdigest()[:6])
    server.cut = 300_000
    with pytest.raises(ModelError, match="300000 of 1048576 bytes"):
        zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url)
    server.cut = None
    assert zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=300000-"]


def test_a_complete_partial_file_is_renamed(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process was killed between the last byte and the renaming: the server responds with 416."""
    with_digits(monkeypatch, hashlib.md5(CONTENT).hexdigest()[:6])
    path = tmp_path / "zoo" / NAME / zoo.ZOO[NAME].file_name
    path.parent.mkdir(parents=True)
    path.with_name(path.name + ".part").write_bytes(CONTENT)
    assert zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url).read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_unless_trusted(tmp_path: Path, server: Server) -> None:
    with pytest.raises(ModelError, match="begins with the digits 162be9") as caught:
        zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url)
    assert "--trust" in caught.value.remedy
    path = zoo.zoo_weights(NAME, tmp_path, trust=True, server=server.url)
    assert path.with_suffix(".sha256").read_text().startswith(hashlib.sha256(CONTENT).hexdigest())
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="changed since its first use"):
        zoo.zoo_weights(NAME, tmp_path, trust=True, server=server.url)


def test_offline_errors_name_address_and_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ModelError) as caught:
        zoo.zoo_weights(NAME, tmp_path, trust=False, server="http://127.0.0.1:9")
    url = f"http://127.0.0.1:9/{NAME}/165712039/model_final_162be9.pkl"
    assert caught.value.where == url
    assert str(tmp_path / "zoo" / NAME / "model_final_162be9.pkl") in caught.value.remedy


def test_a_manually_placed_file_is_used(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with_digits(monkeypatch, hashlib.md5(CONTENT).hexdigest()[:6])
    path = tmp_path / "zoo" / NAME / zoo.ZOO[NAME].file_name
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert zoo.zoo_weights(NAME, tmp_path, trust=False, server=server.url) == path
    assert server.requests == []


def test_server_errors_are_reported(tmp_path: Path, server: Server) -> None:
    with pytest.raises(ModelError, match="Not Found"):
        zoo.zoo_weights(NAME, tmp_path, trust=False, server=f"{server.url}/missing")
    assert list(tmp_path.rglob("*.p*")) == []


def test_too_large_files_are_refused_before_the_download(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "MOST_BYTES", len(CONTENT) - 1)
    with pytest.raises(ModelError, match="more than any published file"):
        zoo.zoo_weights(NAME, tmp_path, trust=True, server=server.url)
    assert list(tmp_path.rglob("*.p*")) == []


def test_endless_downloads_are_stopped(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "MOST_BYTES", len(CONTENT) // 2)
    monkeypatch.setattr(zoo, "BLOCK", 1 << 12)
    server.sized = False
    with pytest.raises(ModelError, match="more than any published file has"):
        zoo.zoo_weights(NAME, tmp_path, trust=True, server=server.url)
    assert list(tmp_path.rglob("*.p*")) == []


@pytest.mark.parametrize(("target", "followed"), [("http://h/x", False), ("https://h/x", True), ("ftp://h/x", False)])
def test_redirects_to_unencrypted_addresses_are_refused(target: str, followed: bool) -> None:
    asked = urllib.request.Request(f"{zoo.SERVER}/a.pkl")
    if followed:
        assert zoo._Guarded().redirect_request(asked, io.BytesIO(), 302, "", HTTPMessage(), target) is not None
        return
    with pytest.raises(urllib.error.URLError, match="without encryption"):
        zoo._Guarded().redirect_request(asked, io.BytesIO(), 302, "", HTTPMessage(), target)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="densepose_rcnn_R_50_FPN_s1x"):
        zoo.zoo_weights("densepose_rcnn_R_50", tmp_path, trust=False)


def test_the_table_of_published_files(shared: Path) -> None:
    """All 22 rows of charts, the 8 rows of embeddings of people, and the form of the address."""
    row = r"^\| (R_\d+_\S+s1x\S*) \|(?: [\d.]+ \|){4} (\d+) \| (\w{6}) \|$"
    rows = {
        (f"{folder}densepose_rcnn_{name}", number, digits)
        for folder, facts in (("", "reference_facts.md"), ("cse/", "cse_facts.md"))
        for name, number, digits in re.findall(row, (shared / "reference" / facts).read_text(), re.M)
    }
    assert rows == {(entry.name, entry.model_id, entry.digits) for entry in zoo.ZOO.values()}
    assert len(rows) == 30
    url = "https://dl.fbaipublicfiles.com/densepose/densepose_rcnn_R_50_FPN_s1x/165712039/model_final_162be9.pkl"
    assert zoo.ZOO[NAME].url(zoo.SERVER) == url
    url = "https://dl.fbaipublicfiles.com/densepose/cse/densepose_rcnn_R_50_FPN_s1x/251155172/model_final_c4ea5f.pkl"
    assert zoo.ZOO[f"cse/{NAME}"].url(zoo.SERVER) == url
