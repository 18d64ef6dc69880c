"""Exports of the product's own graph: the same files under both runners, however frames are cut into packets."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import av
import pytest
from toy_runs import Run

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.configuration.config import load_config, read_config, validate
from pipeline.configuration.conversion import ConfigError
from pipeline.jobs.inputs import UsageError, find_inputs
from stages import STAGES

PLACES = {
    "instances": "raw", "surfaces": "steady", "iuv": "iuv", "iuv_video": "iuv.mkv", "csv": "people.csv",
    "coco": "people.json", "prores": "layer.mov", "bodies": "bodies",
}  # fmt: skip


def exported(run: Run, root: Path, weights: Path, folder: Path, *changes: str) -> dict[str, str]:
    """Every exported file's content as a hash, films by their decoded frames."""
    settings = [f"network.weights={weights}", "network.min_score=0.0001", "network.max_people=2", "threads=1"]
    kinds = [
        f"export{'_raw' if kind == 'instances' else ''}.to.{kind}={folder / place}" for kind, place in PLACES.items()
    ]
    config = load_config("video", [*settings, "decode.end=0.36", *kinds, *changes], STAGES)
    inputs = find_inputs([str(root / "configs" / "demo_walk.mp4")], str(folder / "out.mp4"), overwrite=True)
    metrics, _ = run(config, list(inputs.jobs))
    assert metrics.streams[0].failure is None, metrics.streams[0].failure
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "out.mp4"):
        digest = hashlib.sha256()
        if path.suffix in (".mkv", ".mov"):
            with av.open(str(path)) as file:
                for frame in file.decode(video=0):
                    digest.update(f"{frame.pts}".encode() + b"".join(bytes(plane) for plane in frame.planes))
        else:
            digest.update(path.read_bytes())
        found[str(path.relative_to(folder))] = digest.hexdigest()
    return found


def test_same_files_whatever_the_runner_and_the_packets(
    serially: Run, under_ray: Run, root: Path, weights: Path, tmp_path: Path
) -> None:
    expected = exported(serially, root, weights, tmp_path / "serial")
    assert len(expected) == 9 * 4 + 1 + 4 + 1
    assert exported(serially, root, weights, tmp_path / "single", "decode.chunk=1") == expected
    under = exported(
        under_ray, root, weights, tmp_path / "ray", "decode.chunk=4", "credits=2", "lanes.network.replicas=1"
    )
    assert under == expected


def test_a_path_goes_to_the_stage_that_writes_the_kind() -> None:
    raw = read_config("video")
    words = ["x.mp4", "--export", "instances=a", "--export", "csv=b.csv"]
    apply_shortcuts(raw, read_arguments(words), STAGES)
    config = validate(raw, STAGES)
    assert config.stages["export_raw"].to == {"instances": "a"} and config.stages["export"].to == {"csv": "b.csv"}


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("video", "animate.rest=a", "stage 'animate' is in no lane of 'video'; use -c animate, which runs it"),
        ("compare", "decode.end=1", "stage 'decode' is in no lane of 'compare'; did you mean 'decode_pair'?"),
    ],
)
def test_settings_of_a_stage_that_does_not_run_tell_what_to_write(name: str, change: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        validate(read_config(name, [change]), STAGES)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--export", "surface=x"], "configuration 'video' has no export of kind 'surface'; did you mean 'surfaces'"),
        (["--export", "viewer=x"], "configuration 'video' has no export of kind 'viewer'; -c animate has it"),
        (["--export", "inds=x", "--export", "iuv=./x"], "--export iuv=./x: 'inds' is written there already"),
        (["--export", "csv=x", "--export", "csv=y"], "--export csv=y: 'csv' is named twice"),
    ],
)
def test_exports_that_cannot_be_are_refused_before_anything_starts(words: list[str], sentence: str) -> None:
    with pytest.raises((ConfigError, UsageError), match=sentence.replace("(", r"\(")):
        apply_shortcuts(read_config("video"), read_arguments(["x.mp4", *words]), STAGES)
