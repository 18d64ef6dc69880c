"""Comparison of performances: known poses, known shifts, known differences."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from models.body.charts import mirror_maps
from models.body.open_body import load_body
from models.motion.clinical_angles import JOINT_ANGLES
from models.surface.keypoints import shown_keypoints
from pipeline.command.cli import main
from pipeline.configuration.config import read_config, validate
from pipeline.configuration.conversion import ConfigError
from pipeline.stage import Job, StageError
from stages import STAGES
from stages.bodies.fit import FitBodies
from stages.payloads import Bodies, FrameChunk, People, PersonSurface, Surfaces, VideoInfo
from stages.results.compare import PARTS, Compare
from stages.results.comparison.difference import best_shift, difference_at
from stages.results.comparison.poses import Performance, PersonPose, mirrored_performance, performance_of, pose_of
from stages.results.export import Export
from stages.results.formats.image_plane_angles import IMAGE_PLANE_ANGLES, image_plane_angles
from stages.synthetic.ground_truth import ground_truth_surfaces
from stages.synthetic.synthesize import Synthesize, scene_generator
from stages.video.decode_pair import GAP, DecodePair
from tests.stages.bodies.made_bodies import VIDEO, grey_frames, left_elbow_deg, made_body, shown

PLANE = IMAGE_PLANE_ANGLES
ELBOW, TRUNK = PLANE.index("left_elbow_angle_image_plane"), PLANE.index("trunk_angle_image_plane")


def plane_pose(surface: PersonSurface) -> PersonPose:
    """A pose with the angles of the image plane."""
    return pose_of(surface, image_plane_angles(shown_keypoints(surface)))


@pytest.fixture(scope="module")
def person() -> PersonSurface:
    """A synthetic person whose whole trunk is visible."""
    draw = scene_generator(Synthesize.Config(world="val", height=360, width=480, seed=11))
    everyone = (surface for made in map(draw, range(40)) for surface in ground_truth_surfaces(made).people)
    return next(one for one in everyone if np.isfinite(plane_pose(one).angle_A).sum() >= 8)


def enlarged(surface: PersonSurface, times: int) -> PersonSurface:
    """The same person, nearer and elsewhere."""
    labels = surface.labels_hw.repeat(times, axis=0).repeat(times, axis=1)
    uv = surface.uv_2hw.repeat(times, axis=1).repeat(times, axis=2)
    return PersonSurface(x0=surface.x0 * times + 91, y0=surface.y0 - 40, labels_hw=labels, uv_2hw=uv)


def wave(shift: float, frames: int = 100, rate: float = 25, bias: float = 0.0) -> Performance:
    """An elbow that opens and closes irregularly, `shift` seconds earlier; all other joints are still."""
    second_T = np.arange(frames) / rate
    angle_TA = np.full((frames, 9), 90, np.float32)
    angle_TA[:, ELBOW] = 90 + 60 * np.sin(3 * (second_T + shift) ** 1.5) + bias
    return Performance(
        second_T=second_T,
        index_T=np.arange(frames),
        angle_TA=angle_TA,
        position_TP2=np.zeros((frames, 24, 2), np.float32),
        angle_names=PLANE,
    )


def test_lengths_are_those_of_the_picture_as_shown(person: PersonSurface) -> None:
    labels, uv = person.labels_hw.repeat(2, axis=1), person.uv_2hw.repeat(2, axis=2)
    wide = PersonSurface(x0=2 * person.x0, y0=person.y0, labels_hw=labels, uv_2hw=uv)
    square, narrow = plane_pose(person), pose_of(wide, np.zeros(9, np.float32), 0.5)
    seen_P = np.isfinite(square.position_P2[:, 0])
    assert np.allclose(narrow.position_P2[seen_P], square.position_P2[seen_P], atol=0.3)
    assert narrow.torso == pytest.approx(square.torso, rel=0.05)


def test_size_and_position_do_not_count(person: PersonSurface) -> None:
    small = performance_of([(0.0, 0, plane_pose(person)), (0.04, 1, plane_pose(person))], PLANE)
    nearer = plane_pose(enlarged(person, 2))
    large = performance_of([(7.0, 9, nearer), (7.04, 10, nearer)], PLANE)
    difference = difference_at(small, large, 0.0)
    assert difference.row_T2.tolist() == [[0, 0], [1, 1]]
    seen = np.isfinite(difference.angle_TA)
    assert seen.sum() >= 16 and np.abs(difference.angle_TA[seen]).max() < 1.0
    assert np.nanmax(difference.distance_TP) < 0.03


def test_mirroring_a_mirror_image_gives_the_original(person: PersonSurface) -> None:
    labels, uv = mirror_maps(person.labels_hw, person.uv_2hw)
    flipped = replace(person, labels_hw=labels, uv_2hw=uv.astype(np.float32))
    one, other = (performance_of([(0.0, 0, plane_pose(surface))], PLANE) for surface in (person, flipped))
    apart = difference_at(one, mirrored_performance(other), 0.0)
    assert np.nanmax(np.abs(apart.angle_TA)) < 2 and np.nanmax(apart.distance_TP) < 0.05
    assert np.nanmax(np.abs(difference_at(one, other, 0.0).angle_TA)) > 5  # the pose itself is not symmetric


def test_the_shift_between_two_is_found() -> None:
    a, late = wave(0.0), wave(0.6)
    assert best_shift(a, late, 2.0) == pytest.approx(0.6, abs=0.021)
    assert best_shift(late, a, 2.0) == pytest.approx(-0.6, abs=0.021)
    assert best_shift(a, a, 2.0) == 0.0
    apart = difference_at(a, late, 0.6)
    assert np.abs(apart.angle_TA).mean() < 2 < np.abs(difference_at(a, late, 0.0).angle_TA[:, ELBOW]).mean()


def test_known_differences_are_found() -> None:
    apart = difference_at(wave(0.0), wave(0.0, bias=15.0), 0.0)
    assert np.allclose(apart.angle_TA[:, ELBOW], 15, atol=1e-3) and np.allclose(apart.angle_TA[:, TRUNK], 0)
    turned = wave(0.0)
    one, other = turned.angle_TA.copy(), turned.angle_TA.copy()
    one[:, TRUNK], other[:, TRUNK] = 175, -175  # ten degrees across the half turn, not 350
    apart = difference_at(replace(turned, angle_TA=one), replace(turned, angle_TA=other), 0.0)
    assert np.allclose(apart.angle_TA[:, TRUNK], 10)


def test_frame_rates_may_differ_and_ends_are_left_out() -> None:
    apart = difference_at(wave(0.0, frames=100, rate=25), wave(0.0, frames=40, rate=10), 0.0)
    assert len(apart.row_T2) == 100 and np.abs(np.diff(apart.row_T2[:, 1])).max() == 1
    assert len(difference_at(wave(0.0, frames=100), wave(0.0, frames=50), 0.0).row_T2) == 51  # one step beyond
    assert len(difference_at(wave(0.0), wave(0.0), 100.0).row_T2) == 0


def packet(
    path: str, number: int, surfaces: list[PersonSurface], people: list[int], frame: list[int], count: int
) -> Any:
    video = VideoInfo(path=path, width=480, height=360, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    frames = FrameChunk(
        rgb_THW3=np.zeros((count, 4, 4, 3), np.uint8),
        pts_T=np.arange(count),
        first=number * GAP,
        video=video,
        index_T=np.arange(count),
    )
    found = People(
        frame_N=np.array(frame, np.int32),
        box_N4=np.zeros((len(frame), 4), np.float32),
        score_N=np.ones(len(frame), np.float32),
        id_N=np.array(people, np.int32),
    )
    return frames, found, Surfaces(people=tuple(surfaces))


def test_the_main_persons_of_both_are_compared(person: PersonSurface, tmp_path: Path) -> None:
    job = Job(index=0, input="a.mp4", partner="b.mp4", output=str(tmp_path / "ab.csv"), stem="ab", provenance="by us")
    passer_by = replace(person, labels_hw=person.labels_hw[:, :20], uv_2hw=person.uv_2hw[:, :, :20])
    stage = Compare(Compare.Config(angles="image_plane"))
    weak = enlarged(replace(person, labels_hw=person.labels_hw[::-1], uv_2hw=person.uv_2hw[:, ::-1]), 3)
    everybody = [passer_by, person, weak, person, weak]  # weak detections without identity may be different people
    list(stage(job, *packet("a.mp4", 0, everybody, [4, 1, -1, 1, -1], [0, 0, 0, 1, 1], 2)))
    list(stage(job, *packet("b.mp4", 1, [enlarged(person, 2)] * 3, [2, 2, 2], [0, 1, 2], 3)))
    written = list(stage.flush())
    endings = ["csv", "repetitions.csv", "json", "png", "mp4", "html"]
    assert [Path(receipt.path).name for receipt in written] == [f"ab.{ending}" for ending in endings]
    with (tmp_path / "ab.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seconds"], row["frame_a"], row["frame_b"]) for row in rows] == [
        ("0.0000", "0", "0"),
        ("0.0400", "1", "1"),
    ]
    assert all(abs(float(row[f"{name}_difference"])) < 1 for row in rows for name in PLANE if row[f"{name}_a"])
    told = json.loads((tmp_path / "ab.json").read_text())
    assert told["frames"] == {"a": 2, "b": 3, "compared": 2} and told["mean_angle_difference_deg"] < 1
    assert set(told["angles_deg"]) == set(PLANE) and set(told["parts_torsos"]) == set(PARTS)
    with av.open(str(tmp_path / "ab.mp4")) as film:
        assert film.metadata["encoder"] == "by us"
    picture = cv2.imread(str(tmp_path / "ab.png"))
    assert picture.shape[0] > 500 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_angles_of_bodies_do_not_depend_on_the_view(tmp_path: Path) -> None:
    """The second is seen from the side, and bends the elbows by 20° more; a hidden forearm has no angle."""
    job = Job(index=0, input="a.mp4", partner="b.mp4", output=str(tmp_path / "ab.csv"), stem="ab")
    one, other = made_body(), made_body(turn_deg=60, bend_deg=20)
    seen_B = one.seen_B.copy()
    seen_B[load_body().bone("lowerarm01.R")] = 0
    stage = Compare(Compare.Config())
    for number, body in enumerate((one, replace(other, seen_B=seen_B))):
        people, surfaces = shown([[(3, body)]] * 2)
        frames = replace(grey_frames(2), first=number * GAP)
        list(stage(job, frames, people, surfaces, Bodies.joined([Bodies.of_frame([(3, body)])] * 2)))
    list(stage.flush())
    told = json.loads((tmp_path / "ab.json").read_text())["angles_deg"]
    assert set(told) == set(JOINT_ANGLES)
    assert told["right_elbow_flexion"]["mean"] is None
    bent_by = left_elbow_deg(other) - left_elbow_deg(one)
    assert told["left_elbow_flexion"]["mean"] == pytest.approx(bent_by, abs=2)
    still = [name for name in told if "elbow" not in name and "forearm" not in name and "wrist" not in name]
    assert all(told[name]["largest"] < 0.1 for name in still)


@pytest.mark.parametrize("nearer", [0, 1])
def test_of_two_people_in_photos_the_larger_is_compared(tmp_path: Path, nearer: int) -> None:
    """Nobody has an identity in a photo; the second person bends the elbows. Each has the angles of the own body."""
    job = Job(index=0, input="a.png", partner="b.png", output=str(tmp_path / "ab.csv"), stem="ab")
    far_2 = [2.8 if number == nearer else 3.4 for number in range(2)]
    plain, other = made_body((-0.5, 0, far_2[0])), made_body((0.5, 0, far_2[1]), bend_deg=60)
    stage, scene = Compare(Compare.Config()), [[(-1, plain), (-1, other)]]
    for number in range(2):
        frames = replace(grey_frames(1, video=replace(VIDEO, still=True)), first=number * GAP)
        list(stage(job, frames, *shown(scene), Bodies.of_frame(scene[0])))
    list(stage.flush())
    with (tmp_path / "ab.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    bent = left_elbow_deg(other)
    assert abs(float(row["left_elbow_flexion_a"]) - (bent if nearer else left_elbow_deg(plain))) < 5


def test_angles_of_bodies_are_compared_unless_the_image_plane_is_named() -> None:
    assert "fit" in validate(read_config("compare"), STAGES).stages
    assert "fit" in validate(read_config("compare_saved"), STAGES).stages
    plane = validate(read_config("compare", ["compare.angles=image_plane"]), STAGES)
    assert "fit" not in plane.stages and Compare.announce(Compare.Config()) == []
    (sentence,) = Compare.announce(plane.stages["compare"])
    assert sentence.startswith("compare: angles are measured in the image plane")
    with pytest.raises(ConfigError, match="'picture' is now called 'image_plane'"):
        validate(read_config("compare", ["compare.angles=picture"]), STAGES)


def test_mirrored_angles_of_a_body_are_those_of_the_mirrored_body() -> None:
    names = JOINT_ANGLES
    angle_TA = np.arange(len(names), dtype=np.float32)[None]
    plain = Performance(
        second_T=np.zeros(1), index_T=np.zeros(1, np.int64), angle_TA=angle_TA, angle_names=names,
        position_TP2=np.zeros((1, 24, 2), np.float32),
    )
    found = dict(zip(names, mirrored_performance(plain).angle_TA[0].tolist(), strict=True))
    assert found["left_knee_flexion"] == names.index("right_knee_flexion")
    assert found["trunk_flexion"] == names.index("trunk_flexion")
    assert found["neck_rotation"] == -names.index("neck_rotation")


def test_files_that_appear_during_the_work_stay(person: PersonSurface, tmp_path: Path) -> None:
    """And a name that is no UTF-8 is drawn and written."""
    strange = os.fsdecode(b"caf\xe9.mp4")
    job = Job(index=0, input=strange, partner="b.mp4", output=str(tmp_path / "ab.csv"), stem="ab")
    stage = Compare(Compare.Config(angles="image_plane"))
    for number, name in enumerate((strange, "b.mp4")):
        list(stage(job, *packet(name, number, [person], [1], [0], 1)))
    (tmp_path / "ab.json").write_text("mine")
    written = list(stage.flush())
    assert (tmp_path / "ab.json").read_text() == "mine" and r"caf\udce9.mp4" in (tmp_path / "ab.html").read_text()
    names = ["ab.csv", "ab.repetitions.csv", "ab-2.json", "ab.png", "ab.mp4", "ab.html"]
    assert [Path(receipt.path).name for receipt in written] == names
    assert [len(receipt.facts.get("warnings", ())) for receipt in written] == [0, 0, 1, 0, 0, 0]


def test_inputs_without_people_and_existing_outputs_are_refused(person: PersonSurface, tmp_path: Path) -> None:
    job = Job(index=0, input="a.mp4", partner="b.mp4", output=str(tmp_path / "ab.csv"), stem="ab")
    stage = Compare(Compare.Config())
    list(stage(job, *packet("a.mp4", 0, [person], [1], [0], 1)))
    list(stage(job, *packet("b.mp4", 1, [], [], [], 1)))
    with pytest.raises(StageError, match=r"b\.mp4: there are no people in this input"):
        list(stage.flush())
    (tmp_path / "ab.png").write_text("mine")
    with pytest.raises(StageError, match=r"ab\.png: the output exists already"):
        list(Compare(Compare.Config())(job, *packet("a.mp4", 0, [person], [1], [0], 1)))
    (tmp_path / "ab.png").rename(tmp_path / "ab.html")
    Compare.check(Compare.Config(film=False), job)
    with pytest.raises(StageError, match=r"name a \.csv file"):
        other = replace(job, output=str(tmp_path / "ab.mp4"))
        list(Compare(Compare.Config())(other, *packet("a.mp4", 0, [person], [1], [0], 1)))
    with pytest.raises(StageError, match="name two videos"):
        list(DecodePair(DecodePair.Config())(replace(job, partner=None)))


def test_the_command_compares_a_clip_with_itself(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = str(root / "configs" / "demo_walk.mp4")
    few = ["-c", "compare", "--serial", "--set", "decode_pair.end=0.16", "-o", "self.csv"]
    assert main([clip, clip, *few]) == 0
    told = json.loads((tmp_path / "self.json").read_text())
    assert told["frames"] == {"a": 4, "b": 4, "compared": 4}
    assert told["mean_angle_difference_deg"] == told["mean_part_distance_torsos"] == 0
    capsys.readouterr()
    assert main([clip, *few]) == 2
    assert capsys.readouterr().err.strip() == "error: 1 given: two inputs are compared; name two videos"


def test_saved_exports_compare_as_their_videos(
    person: PersonSurface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(index=0, input="a.mp4", partner="b.mp4", output=str(tmp_path / "at_once.csv"), stem="ab")
    first = packet("a.mp4", 0, [person, person], [1, 1], [0, 1], 2)
    second = packet("b.mp4", 1, [enlarged(person, 2)] * 3, [2, 2, 2], [0, 1, 2], 3)
    stage, fit = Compare(Compare.Config()), FitBodies(FitBodies.Config(look_ahead=2))
    bodies = [*fit(*first), *fit(*second), *fit.flush()]
    for number, given in enumerate((first, second)):
        list(stage(job, *given, bodies[number]))
        frames = replace(given[0], rgb_THW3=np.zeros((len(given[0]), 360, 480, 3), np.uint8))
        export = Export(Export.Config(to={"surfaces": str(tmp_path / "ab"[number])}))
        export(job, frames, given[1], given[2], None)
        list(export.flush())
    list(stage.flush())
    monkeypatch.chdir(tmp_path)
    assert main(["a", "b/", "-c", "compare_saved", "-o", "later.csv"]) == 0
    assert (tmp_path / "later.csv").read_text() == (tmp_path / "at_once.csv").read_text()
