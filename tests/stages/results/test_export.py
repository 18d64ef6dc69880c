"""The export stages: where kinds belong, names and numbers, interruption, restarts, both runners."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipeline.command.arguments import read_arguments
from pipeline.stage import Job, StageError
from stages.payloads import FrameChunk, Surfaces
from stages.results.export import Export, ExportRaw
from stages.results.formats.kinds import KINDS
from stages.video.decode import Decode
from tests.stages.results.formats.made_frames import PEOPLE, SURFACES, VIDEO, frames_of, job_of, people_of

ALL = {
    "surfaces": "s", "iuv": "i", "iuv_video": "v.mkv", "inds": "n", "masks": "q.mkv", "confidence": "k", "dp_segm": "d",
    "magicanimate": "m.mp4", "parula": "p", "result_json": "r.json", "coco": "c.json", "csv": "t.csv", "mot": "t.txt",
    "vid2densepose": "v", "leffa": "f", "scail": "u.mkv", "scail_replace": "w",
    "animatediff": "y", "events": "e.csv",
    "appearance": "a.csv", "bodies": "b", "depth": "z", "mesh": "h", "prores": "l.mov", "webm": "l.webm",
}  # fmt: skip


def test_each_kind_has_one_place_and_help_names_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(ExportRaw.exports) | set(Export.exports) == set(KINDS)
    assert not set(ExportRaw.exports) & set(Export.exports)
    assert set(ALL) == set(Export.exports)
    with pytest.raises(SystemExit):
        read_arguments(["--help-all"])
    said = " ".join(capsys.readouterr().out.split())
    (listed,) = [part.split(" (docs")[0] for part in said.split("exports: ")[1:]]
    assert listed.split(", ") == list(KINDS)


def test_every_factory_exists() -> None:
    for name, kind in KINDS.items():
        module, _, function = kind.factory.partition(":")
        assert callable(getattr(__import__(f"stages.results.formats.{module}", fromlist=[function]), function)), name


def test_a_misplaced_or_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no export of kind 'instances'"):
        Export.Config(to={"instances": "x"})
    with pytest.raises(ValueError, match="did you mean 'surfaces'"):
        Export.Config(to={"surface": "x"})
    with pytest.raises(ValueError, match="two exports have the same path"):
        Export.Config(to={"iuv": "x/", "inds": "./x"})
    with pytest.raises(ValueError, match="needs a path"):
        Export.Config(to={"csv": ""})


def chunks(sizes: list[int]) -> Iterator[tuple[FrameChunk, Any, Surfaces]]:
    """Twelve frames of one person, in chunks of given lengths."""
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (12, VIDEO.height, VIDEO.width, 3), dtype=np.uint8)
    one = replace(SURFACES.people[2], confidence_hw=rng.random(SURFACES.people[2].labels_hw.shape))
    start = 0
    for size in sizes:
        frames = FrameChunk(
            rgb_THW3=rgb[start : start + size], pts_T=np.arange(start, start + size), first=start, video=VIDEO
        )
        boxes = [[30 - i, 20, 63 - i, 47] for i in range(start, start + size)]
        surfaces = tuple(replace(one, x0=30 - i) for i in range(start, start + size))
        yield frames, people_of(list(range(size)), boxes, [4] * size), Surfaces(people=surfaces)
        start += size


def stage_for(folder: Path) -> Export:
    return Export(Export.Config(to={kind: str(folder / name) for kind, name in ALL.items()}, segment_frames=4))


def hashes(folder: Path) -> dict[str, str]:
    """The content of each file: the decoded frames of videos, else the bytes."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest = hashlib.sha256()
        if path.suffix in (".mkv", ".mp4", ".mov", ".webm"):
            with av.open(str(path)) as file:
                for frame in file.decode(video=0):
                    digest.update(f"{frame.pts}".encode() + frame.to_ndarray(format="rgb24").tobytes())
        else:
            digest.update(path.read_bytes())
        found[str(path.relative_to(folder))] = digest.hexdigest()
    return found


def run(stage: Export, packets: Iterator[Any]) -> None:
    for frames, people, surfaces in packets:
        people = replace(people, score_N=np.full(len(people), 0.5, np.float32))
        stage(job_of(), frames, people, surfaces, None)


def test_files_do_not_depend_on_chunks(tmp_path: Path) -> None:
    for name, sizes in (("a", [12]), ("b", [5, 1, 6])):
        stage = stage_for(tmp_path / name)
        run(stage, chunks(sizes))
        list(stage.flush())
        stage.close()
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert len(hashes(tmp_path / "a")) == 12 * 12 + 12 + 1 + 2 + 2


def test_a_restart_gives_the_same_files(tmp_path: Path) -> None:
    whole = stage_for(tmp_path / "whole")
    run(whole, chunks([4, 4, 4]))
    list(whole.flush())
    whole.close()
    packets = list(chunks([4, 4, 4]))
    broken = stage_for(tmp_path / "broken")
    run(broken, iter(packets[:2]))
    state = broken.state()
    run(broken, iter(packets[2:]))  # goes on beyond what is committed, then dies
    broken.close()
    again = stage_for(tmp_path / "broken")
    again.restore(state)
    run(again, iter(packets[2:]))
    list(again.flush())
    again.close()
    assert hashes(tmp_path / "broken") == hashes(tmp_path / "whole")


def test_a_restart_without_further_frames_finishes_the_files(tmp_path: Path) -> None:
    packets = list(chunks([4, 4, 4]))
    whole = stage_for(tmp_path / "whole")
    run(whole, iter(packets[:2]))
    list(whole.flush())
    whole.close()
    broken = stage_for(tmp_path / "broken")
    run(broken, iter(packets[:2]))
    state = broken.state()
    broken.close()
    again = stage_for(tmp_path / "broken")
    again.restore(state)
    again.reopen(replace(job_of(), resume=True, renews_exports=True))
    list(again.flush())
    again.close()
    assert hashes(tmp_path / "broken") == hashes(tmp_path / "whole")


def test_exports_finished_before_an_interruption_stay_unchanged(tmp_path: Path) -> None:
    """Exports are renamed before the result is; a run may be interrupted in between."""
    packets = list(chunks([4, 4, 4]))
    first = stage_for(tmp_path)
    run(first, iter(packets[:2]))
    state = first.state()
    run(first, iter(packets[2:]))
    list(first.flush())
    first.close()
    expected = hashes(tmp_path)
    again = stage_for(tmp_path)
    again.restore(state)
    for frames, people, surfaces in packets[2:]:
        people = replace(people, score_N=np.full(len(people), 0.5, np.float32))
        again(replace(job_of(), resume=True, renews_exports=True), frames, people, surfaces, None)
    list(again.flush())
    again.close()
    assert hashes(tmp_path) == expected


def test_a_commit_after_the_end_leaves_nothing_beside_the_files(tmp_path: Path) -> None:
    """The last segment of a video may be committed after all frames have been exported."""
    stage = stage_for(tmp_path)
    run(stage, chunks([4, 4]))
    list(stage.flush())
    state, expected = stage.state(), hashes(tmp_path)
    stage.close()
    assert not list(tmp_path.rglob("*.partial"))
    again = stage_for(tmp_path)
    again.restore(state)
    again.reopen(replace(job_of(), resume=True, renews_exports=True))
    list(again.flush())
    again.close()
    assert hashes(tmp_path) == expected and not list(tmp_path.rglob("*.partial"))


def test_an_interruption_keeps_partial_files_under_a_partial_name(tmp_path: Path) -> None:
    stage = stage_for(tmp_path)
    run(stage, iter(list(chunks([4, 4, 4]))[:2]))
    list(stage.interrupt())
    stage.close()
    names = {p.name for p in tmp_path.iterdir()}
    assert {"v.partial.mkv", "t.partial.csv", "c.partial.json", "l.partial.mov"} <= names
    assert not {"v.mkv", "t.csv", "c.json"} & names and not [n for n in names if n.endswith(".partial")]
    assert len((tmp_path / "t.partial.csv").read_text().splitlines()) == 1 + 8
    with av.open(str(tmp_path / "v.partial.mkv")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 8


def test_an_export_cannot_overwrite_the_result(tmp_path: Path) -> None:
    stage = Export(Export.Config(to={"iuv_video": str(tmp_path / "out.mkv")}))
    with pytest.raises(StageError, match="the result itself goes there"):
        stage(replace(job_of(), output=str(tmp_path / "out.mkv")), frames_of(3), PEOPLE, SURFACES, None)


def test_a_failure_leaves_no_draft(tmp_path: Path) -> None:
    stage = Export(Export.Config(to={"csv": str(tmp_path / "t.csv"), "iuv": str(tmp_path / "taken" / "x")}))
    (tmp_path / "taken").write_text("in the way")
    with pytest.raises(StageError, match="taken"):
        stage(job_of(), frames_of(3), PEOPLE, SURFACES, None)
    stage.close()
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def made_film(path: Path, frames: int, gop: int = 25) -> None:
    """A video in which every frame shows its own number as 16 black or white squares."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(
            "libx264", rate=25, options={"g": str(gop), "crf": "10", "bf": "0" if path.suffix == ".avi" else "2"}
        )
        stream.width, stream.height, stream.pix_fmt = 256, 32, "yuv420p"
        for number in range(frames):
            bits = [(number >> bit) & 1 for bit in range(16)]
            row = np.repeat(np.array(bits, np.uint8) * 255, 16)
            picture = np.repeat(np.tile(row, (32, 1))[..., None], 3, axis=2)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def number_shown(rgb_HW3: np.ndarray) -> int:
    bits = rgb_HW3[8:24, :, 1].reshape(16, 16, 16).mean(axis=(0, 2)) > 128
    return int(sum(1 << bit for bit, on in enumerate(bits) if on))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(("start", "every"), [(None, 1), (0.4, 3), (12.3, 1), (12.3, 7)])
def test_frames_have_their_number_in_the_source(tmp_path: Path, suffix: str, start: float | None, every: int) -> None:
    """Also after a seek: starts from 10 s on go to a key frame."""
    path = tmp_path / f"film.{suffix}"
    made_film(path, 340)
    stage = Decode(Decode.Config(start=start, every=every))
    job = Job(index=0, input=str(path), output=None, stem="film")
    seen = [(chunk.source_index(t), number_shown(chunk.rgb_THW3[t])) for chunk in stage(job) for t in range(len(chunk))]
    stage.close()
    assert abs(seen[0][1] - (start or 0) * 25) < 2  # where that is exactly, test_timestamps says
    assert all(index == shown for index, shown in seen)
    assert seen[1][0] - seen[0][0] == every


def test_exports_of_a_part_have_the_numbers_of_the_whole(tmp_path: Path) -> None:
    made_film(tmp_path / "film.mp4", 60)
    stage = Decode(Decode.Config(start=0.8, every=10))
    export = Export(Export.Config(to={"magicanimate": str(tmp_path / "m"), "csv": str(tmp_path / "p.csv")}))
    job = Job(index=0, input=str(tmp_path / "film.mp4"), output=None, stem="film")
    for frames in stage(job):
        people = people_of([0], [[1, 2, 3, 4]], [1])
        export(job, frames, people, Surfaces(people=(SURFACES.people[0],)), None)
    list(export.flush())
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [f"frame_{i:06d}.png" for i in (20, 30, 40, 50)]
    assert (tmp_path / "p.csv").read_text().splitlines()[1].startswith("20,0.800000,0,1,")
    assert cv2.imread(str(tmp_path / "m" / "frame_000020.png")).shape == (32, 256, 3)
