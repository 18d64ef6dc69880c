"""The video that plays everywhere, beside each lossless one of pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.stage import StageError
from stages.results.export import Export
from tests.stages.results.formats.made_frames import PEOPLE, SURFACES, VIDEO, export, frames_of, job_of


def test_beside_an_exact_video_is_one_that_plays_everywhere(tmp_path: Path) -> None:
    odd = frames_of(3, video=replace(VIDEO, width=63, height=47))
    export({"magicanimate": tmp_path / "c.mp4", "parula": tmp_path / "p.mkv"}, odd)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.mp4", "c.playable.mp4", "p.mkv", "p.playable.mp4"]
    with av.open(str(tmp_path / "c.mp4")) as exact, av.open(str(tmp_path / "c.playable.mp4")) as playable:
        stream = playable.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 64, 48)
        assert (exact.streams.video[0].width, exact.streams.video[0].height) == (63, 47)
        pairs = zip(exact.decode(video=0), playable.decode(video=0), strict=True)
        for true, shown in pairs:
            assert true.time == shown.time
            # Colours of an area stay; at its borders the chroma of four pixels is mixed.
            difference = true.to_ndarray(format="rgb24").astype(int) - shown.to_ndarray(format="rgb24")[:47, :63]
            assert 0 < np.abs(difference).mean() < 40


def test_images_of_values_and_runs_without_it_have_none(tmp_path: Path) -> None:
    """Nobody looks at chart numbers, and blurred numbers would be wrong."""
    export({"iuv": tmp_path / "i.mp4", "masks": tmp_path / "m.mp4", "iuv_video": tmp_path / "v.mkv"})
    export({"scail": tmp_path / "s.mp4"}, playable=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["i.mp4", "m.mp4", "s.mp4", "v.mkv"]


def test_an_existing_playable_video_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "c.playable.mp4").write_bytes(b"mine")
    with pytest.raises(StageError, match=r"c\.playable\.mp4"):
        export({"parula": tmp_path / "c.mp4"})
    assert (tmp_path / "c.playable.mp4").read_bytes() == b"mine"
    names = Export.export_files(Export.Config(to={"parula": str(tmp_path / "c.mp4")}), job_of())[0].names
    assert names == ("c.mp4", "c.playable.mp4")


def test_a_run_that_stopped_between_the_two_files_finishes_the_second(tmp_path: Path) -> None:
    config = Export.Config(to={"parula": str(tmp_path / "c.mp4")}, segment_frames=3)
    first = Export(config)
    first(job_of(), frames_of(3), PEOPLE, SURFACES, None)
    state = first.state()
    first._writers[0]._writers[0].finish()  # type: ignore[attr-defined]
    first.close()
    exact = (tmp_path / "c.mp4").read_bytes()
    assert not (tmp_path / "c.playable.mp4").exists()
    again = Export(config)
    again.restore(state)
    again.reopen(replace(job_of(), resume=True, renews_exports=True))
    list(again.flush())
    again.close()
    assert (tmp_path / "c.mp4").read_bytes() == exact
    with av.open(str(tmp_path / "c.playable.mp4")) as playable:
        assert sum(1 for _ in playable.decode(video=0)) == 3
