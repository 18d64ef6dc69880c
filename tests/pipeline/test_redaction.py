"""Addresses as others may read them: nothing of what lets one in, whatever marks a password has."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.batch.manifest import Manifest
from pipeline.configuration.config import read_config
from pipeline.configuration.conversion import ConfigError, convert
from pipeline.jobs.inputs import live_input
from pipeline.jobs.remote_files import StoreListings
from pipeline.lane.slot import stage_failure
from pipeline.observe.observer import FileRecord
from pipeline.packet import Failure
from pipeline.redaction import (
    address_key,
    has_secrets,
    redacted,
    redacted_data,
    secrets_registered,
    without_registered_secrets,
    without_secrets,
)
from pipeline.stage import Job, StageError

pytestmark = pytest.mark.quick

SAID = {
    "rtsp://me:secret@host:554/a?key=1": "rtsp://host:554/a",
    "rtsp://me:p@ss@host/a": "rtsp://host/a",
    "rtsp://me:p@s/s:w@host/a": "rtsp://host/a",
    "rtsp://me:p/ss@host/a": "rtsp://host/a",
    "rtsp://me:p?ss@host/a": "rtsp://…",
    "rtsp://me:p#ss@host": "rtsp://…",
    "rtsp://me:p%40ss@host/a": "rtsp://host/a",
    "rtsp://me:cut_short": "rtsp://…",
    "concat:http://me:secret@host/a.ts|http://host/b.ts?t=1": "concat:http://host/a.ts|http://host/b.ts",
    "http://host:80/a.ts?mail=a@b.c": "http://host:80/a.ts",
    "http://host/a.ts#token": "http://host/a.ts",
    "http://me@host": "http://host",
    "rtmp://host/app/key": "rtmp://host/app/…",
    "rtmps://host:443/app/instance/key?x=1": "rtmps://host:443/app/…",
    "rtmp://host/key": "rtmp://host/…",
    "srt://host:1?passphrase=secret&streamid=x": "srt://host:1",
    "s3://KEY:se/cret@bucket/day=1/film.mp4": "s3://bucket/day=1/film.mp4",
    "https://host/a/0123456789abcdef0123456789abcdef/list.m3u8": "https://host/a/…/list.m3u8",
    "http://host/live/me/secret/12.ts": "http://host/…/12.ts",
    "rtsp://host/user=me_password=secret_channel=1.sdp": "rtsp://host/user…",
}
AS_IT_IS = [
    *("film.mp4", "/a/b@c?d#e.mp4", "a:b@c", "file:///a?b@c", "camera:///dev/video1", "udp://@239.0.0.1:1234"),
    *("rtsp://host:554/Streaming/Channels/101", "http://host/@me/film.mp4", "http://[::1]:80/film.ts", "http://host/"),
    *("https://host/0123456789abcdef0123456789abcdef.mp4", "abfs://container@account.dfs.net/film.mp4"),
]


@pytest.mark.parametrize("address", SAID)
def test_secrets_of_an_address_are_redacted(address: str) -> None:
    assert without_secrets(address) == SAID[address]
    assert without_secrets(SAID[address]) == SAID[address] and has_secrets(address)


@pytest.mark.parametrize("address", AS_IT_IS)
def test_text_without_secrets_is_unchanged(address: str) -> None:
    assert without_secrets(address) == redacted(address) == address_key(address) == address


def test_secrets_of_an_address_in_a_sentence_are_redacted() -> None:
    text = "[Errno 5] no answer: 'http://me:secret@host/a?t=1', (rtmp://host/app/key). See https://docs.org/page!"
    assert redacted(text) == "[Errno 5] no answer: 'http://host/a', (rtmp://host/app/…). See https://docs.org/page!"


def test_known_secrets_are_found_in_whatever_a_library_makes_of_them() -> None:
    address = "rtsp://me:s%40cret pass@host/a?token=abc12345&width=1280"
    with secrets_registered([address, "-o", "rtmp://host/app/live_123_Key"]):
        for text in (
            address,
            str(Path(address)),
            "user me:s%40cret pass",
            "'s@cret pass'",
            "?token=abc12345",
            "abc12345",
        ):
            said = without_registered_secrets(text)
            assert not any(secret in said for secret in ("cret", "abc12345")), said
        assert without_registered_secrets("wrong key live_123_Key") == "wrong key …"
        assert without_registered_secrets("1280×720") == "1280×720"
        assert redacted_data({"a": [address, 1, None], address: 2}) == {
            "a": ["rtsp://host/a", 1, None],
            "rtsp://host/a": 2,
        }
    assert without_registered_secrets("abc12345") == "abc12345"


def test_names_that_others_bear_too_are_left_to_them() -> None:
    """What a camera is called in its address is often what its recording is called."""
    with secrets_registered(["srt://host:1?streamid=cam1", "rtmp://host/app/camera1", "http://host/b/yard/12"]):
        assert without_registered_secrets("cam1.mp4 camera1.mp4 yard.mp4") == "cam1.mp4 camera1.mp4 yard.mp4"
        assert (
            redacted("'srt://host:1?streamid=cam1' 'rtmp://host/app/camera1'") == "'srt://host:1' 'rtmp://host/app/…'"
        )


def test_secrets_are_known_as_python_and_json_write_them() -> None:
    address = "rtsp://me:s'e\\c\"rét@host/a"
    with secrets_registered([address]):
        for text in (str(OSError(5, "no answer", address)), json.dumps(address), repr([address])):
            assert (
                "rét" not in redacted(text) and "r\\u00e9t" not in redacted(text) and "rtsp://host/a" in redacted(text)
            )


def test_a_lane_in_a_process_of_its_own_knows_the_secrets_of_its_job() -> None:
    address = "rtsp://me:first sec'ret@host/a"
    with secrets_registered():
        Job(index=0, input=address, output=None, stem="a").register_secrets()
        error = StageError(f"cannot be opened ({address})", address)
    assert str(error) == "rtsp://host/a: cannot be opened (rtsp://host/a)"


def test_a_batch_knows_its_inputs_again_without_their_secrets(tmp_path: Path) -> None:
    result = tmp_path / "film.mp4"
    result.write_bytes(b"film")
    address = "http://me:secret@host/film.mp4?token=secret"
    job = Job(index=0, input=address, output=str(result), stem="film")
    record = FileRecord(
        stream=0,
        input=job.name,
        output=job.output,
        state="done",
        frames=3,
        seconds=1.0,
        node="here",
        worker="here:1",
        restarts=0,
    )
    manifest, stores = Manifest(str(tmp_path), "settings"), StoreListings()
    manifest.note(job, record, None, stores.stamp(str(result)))
    manifest.close()
    assert Manifest(str(tmp_path), "settings").is_current(job, stores)
    other = dataclasses.replace(job, input=address.replace("token=secret", "token=other"))
    assert not Manifest(str(tmp_path), "settings").is_current(other, stores)
    assert "secret" not in (tmp_path / "batch.json").read_text()


def test_ffmpeg_options_with_secret_names_are_redacted() -> None:
    options = {"passphrase": "hush-hush", "rtsp_transport": "udp", "headers": "Authorization: Bearer x"}
    with secrets_registered({"live_decode": {"source": {"options": options}}}):
        assert without_registered_secrets("hush-hush udp Authorization: Bearer x") == "… udp …"


def test_a_header_that_yaml_takes_for_a_mapping_is_a_secret_too() -> None:
    options = {"headers": {"Authorization": "Bearer abcdef"}}
    with secrets_registered({"live_decode": {"source": {"options": options}}}), pytest.raises(ConfigError) as caught:
        convert(str, options["headers"], ("live_decode",), lambda path: "--set")
    assert "abcdef" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        read_config("live", ["live_decode.source.options.headers=X: hush: hush"])
    assert "hush" not in str(caught.value) and "options.headers" in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux shows command lines as files")
def test_the_command_line_that_ray_keeps_has_no_secret() -> None:
    code = (
        "import sys; from pipeline.actors.cluster import hide_secrets_of_command\n"
        "from pipeline.redaction import register_secrets\n"
        "register_secrets(sys.argv); hide_secrets_of_command(); print(open('/proc/self/cmdline').read())"
    )
    command = [sys.executable, "-c", code, "rtsp://me:secret@host/a", "-o", "day.mp4"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "secret@" not in said and "rtsp://host/a -o day.mp4" in said


def test_keys_differ_for_different_addresses_and_tell_nothing() -> None:
    one, other = (address_key(f"http://me:pw@host/get?id={number}") for number in (1, 2))
    assert one != other and one == address_key("http://me:pw@host/get?id=1")
    assert one.startswith("http://host/get (") and "pw" not in one and address_key(one) == one


@pytest.mark.parametrize("address", ["rtsp:/u:hidden1@h/x", "rtsp//u:hidden1@h", "//u:hidden1@h/x"])
def test_secrets_of_malformed_addresses_are_redacted(address: str) -> None:
    for given in (address, Path(address)):
        with secrets_registered([given]):
            assert "hidden1" not in redacted(f"{given}: this file does not exist")


def test_errors_are_clean_from_the_start() -> None:
    address = "rtsp://me:secret@host/a?key=123"
    error = StageError(f"cannot open '{address}'", address, f"try {address}")
    assert "secret" not in repr(error) + str(error) + repr(error.args) and "123" not in str(error)
    try:
        raise OSError(5, "no answer", address)
    except OSError as reason:
        failure = stage_failure(reason, "decode", address)
    assert "rtsp://host/a" in failure.trace
    assert not any("secret" in text for text in (failure.what, failure.where, failure.remedy, failure.trace))
    assert "secret" not in repr(Failure(what=address, where=address, remedy=address, trace=address))


def test_what_is_cut_short_is_cleaned_before() -> None:
    address = f"rtsp://me:{'secret' * 20}@host/a"
    with pytest.raises(ConfigError) as caught:
        convert(int, address, ("credits",), lambda path: "--set: credits")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["rtsp://me:secret@host", "rtmp://host/app/secret", "http://host/?token=secret"])
def test_names_of_files_tell_no_secret(address: str) -> None:
    (job,) = live_input([address], None, overwrite=False).jobs
    assert "secret" not in job.stem and job.stem and isinstance(job, Job)
