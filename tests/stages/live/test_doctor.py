"""The doctor's checks on the machine that runs the tests."""

from __future__ import annotations

import io

import pytest

from pipeline.command import doctor as command
from pipeline.command.doctor import examine
from pipeline.jobs.inputs import UsageError
from pipeline.stage import Job
from stages import STAGES
from stages.live import doctor
from stages.live.doctor import Doctor, has_protocol

pytestmark = pytest.mark.quick


def test_every_fact_that_is_not_fine_has_a_remedy() -> None:
    facts = list(Doctor(None)(Job(index=0, input="", output=None, stem="")))
    names = [fact.name for fact in facts]
    assert {"PyAV", "encoders", "decoders", "protocols", "GPU", "precision", "engines", "weights"} <= set(names)
    assert all(fact.fine or fact.remedy for fact in facts)
    assert "H.264" in next(fact.value for fact in facts if fact.name == "encoders")


def test_protocols_are_those_of_the_library() -> None:
    assert has_protocol("http")
    assert not has_protocol("nonsense")


@pytest.mark.parametrize(
    ("reader", "text", "fine"),
    [("FFmpeg", "srt", True), ("GStreamer", "srt (by GStreamer)", True), (None, "srt", False)],
)
def test_the_reader_of_srt_is_reported(
    reader: str | None, text: str, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "srt_reader", lambda: reader)
    monkeypatch.setattr(doctor, "has_protocol", lambda name: True)
    fact = next(fact for fact in Doctor(None)(Job(index=0, input="", output=None, stem="")) if fact.name == "protocols")
    there, _, missing = fact.value.partition("; missing: ")
    assert text in (there if fine else missing).split(", ")
    assert fact.fine == fine and ("GStreamer" in fact.remedy) == (not fine)


def test_the_exit_code_depends_on_required_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {640: 0.02, 1280: 0.05}
    monkeypatch.setattr(command, "_run_seconds", lambda width, frames, table: 3 + frames * seconds[width])
    out = io.StringIO()
    code = examine([], STAGES, out)
    text = out.getvalue()
    assert ("the default run works here" in text) == (code == 0)
    assert "640×360 50, 1280×720 20, 1920×1080 10 frames a second" in text or code
    assert "Python" in text and "Ray" in text and "cores" in text


def test_further_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="doctor takes no arguments"):
        examine(["x"], STAGES, io.StringIO())
