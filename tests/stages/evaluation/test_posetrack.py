"""A miniature of DensePose-PoseTrack: two videos of the same people, whose tracks are numbered anew in each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.metrics.bootstrap import Estimate
from models.surface.geometry import open_body_geometry
from pipeline.stage import Job
from stages.annotations.densepose_coco import AnnotatedImage, AnnotatedPerson, DenseSet, refuse, write_dense_set
from stages.evaluation.coco_truth import FileOptions, annotated_set
from stages.evaluation.evaluate import Evaluate
from stages.evaluation.ground_truth import GroundTruth
from stages.evaluation.measures import estimates
from stages.evaluation.true_images import TrueImage
from stages.evaluation.video_scores import VideoScores
from stages.evaluation.write_scores import track_similarities
from stages.payloads import People, PersonSurface, Surfaces
from tests.stages.evaluation.scored_people import Oracle

FRAMES, VIDEOS = 3, ("00022", "00007")
CORNER = {"ignore_regions_x": [[0, 30, 30, 0]], "ignore_regions_y": [[0, 0, 20, 20]]}
JOB = Job(index=0, input="", output=None, stem="evaluate")


@pytest.fixture(scope="module")
def film() -> list[TrueImage]:
    """Frames of the world `video` with at least two people."""
    config = GroundTruth.Config(data="video", video_frames=FRAMES, seed=4)
    images = [image for _, image in GroundTruth(config)(JOB)]
    assert min(len(one.people) for one in images) >= 2
    return images


@pytest.fixture(scope="module")
def posetrack(film: list[TrueImage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as two videos in PoseTrack's format, the frames in the wrong order."""
    folder = tmp_path_factory.mktemp("posetrack")
    (folder / "images").mkdir()
    images, people = [], []
    for k in reversed(range(FRAMES)):
        assert film[k].tracks is not None
        for v, video in enumerate(VIDEOS):
            number, name = 100 * v + k, f"{video}_{k}.png"
            cv2.imwrite(str(folder / "images" / name), film[k].rgb_HW3[..., ::-1])
            images.append(AnnotatedImage(id=number, file_name=name, height=None, width=None, video=video,
                                         frame=4 * k, rest=CORNER))  # fmt: skip
            for person, track in zip(film[k].people, film[k].tracks.tolist(), strict=True):
                box = tuple(map(float, person.instance.box_4))
                people.append(AnnotatedPerson(id=len(people) + 1, image=number, box_4=box, track=track,
                                              points=person.instance.points, rest={"category_id": 1}))  # fmt: skip
    rest = {"categories": [{"id": 1, "name": "person"}]}
    path = folder / "densepose_posetrack.json"
    write_dense_set(path, DenseSet(images=tuple(images), people=tuple(people), rest=rest))
    return path


def frames_of(path: Path) -> list[TrueImage]:
    return list(annotated_set(path, FileOptions(images="", annotators=(), damage=refuse)).images)


def found_in(truth: TrueImage, first_id: int = 0, **changes: Any) -> tuple[People, Surfaces]:
    """The true people of a frame of the film as predictions."""
    assert truth.tracks is not None
    maps = Oracle([truth]).surfaces(truth, [truth.boxes])[0]
    people = People(
        frame_N=np.zeros(len(maps), np.int32), box_N4=truth.boxes, score_N=np.ones(len(maps), np.float32),
        id_N=(truth.tracks + first_id).astype(np.int32),
    )  # fmt: skip
    surfaces = [PersonSurface(x0=one.x0, y0=one.y0, labels_hw=one.labels_hw, uv_2hw=one.uv_2hw) for one in maps]
    return dataclasses.replace(people, **changes), Surfaces(people=tuple(surfaces))


def numbers(frames: list[tuple[TrueImage, People, Surfaces]], gps: float | None = 1.0) -> dict[str, Estimate]:
    scores = VideoScores(open_body_geometry())
    for image, people, surfaces in frames:
        scores.add(image, people, surfaces, [gps] * len(image.people))
    return estimates(scores.presence()) | estimates(scores.identities())


def test_frames_come_video_by_video_in_order_of_time(posetrack: Path, film: list[TrueImage]) -> None:
    frames = frames_of(posetrack)
    assert [(one.video, one.frame) for one in frames] == [(video, 4 * k) for video in VIDEOS for k in range(FRAMES)]
    assert not any(one.still for one in frames)
    for k, one in enumerate(frames):
        assert one.tracks is not None and film[k % FRAMES].tracks is not None
        assert one.tracks.tolist() == film[k % FRAMES].tracks.tolist()
        assert [crowd.box_4.tolist() for crowd in one.crowds] == [[0, 0, 30, 20]]


def test_a_new_video_starts_a_shot(posetrack: Path) -> None:
    starts = [frames.starts_shot_T.tolist() for frames, _ in GroundTruth(GroundTruth.Config(data=str(posetrack)))(JOB)]
    assert starts == [[False], [False], [False], [True], [False], [False]]


def test_equal_numbers_in_two_videos_are_different_people(posetrack: Path, film: list[TrueImage]) -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    frames = frames_of(posetrack)
    right = numbers([(one, *found_in(film[k % FRAMES], 100 * (k // FRAMES))) for k, one in enumerate(frames)])
    assert {right[name].value for name in ("HOTA", "MOTA", "IDF1", "ids_per_person", "track_GPS")} == {1.0}
    joined = numbers([(one, *found_in(film[k % FRAMES])) for k, one in enumerate(frames)])
    assert joined["IDF1"].value < 0.8 and joined["MOTA"].value == 1


def test_swaps_and_misses_lower_the_scores_of_tracks(posetrack: Path, film: list[TrueImage]) -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    frames = frames_of(posetrack)[:FRAMES]
    found = [(one, *found_in(film[k])) for k, one in enumerate(frames)]
    last, people, surfaces = found[-1]
    found[-1] = (last, dataclasses.replace(people, id_N=people.id_N[::-1].copy()), surfaces)
    swapped = numbers(found)
    assert swapped["MOTA"].value < 1 and swapped["IDF1"].value < 1 and swapped["ids_per_person"].value > 1
    found[-1] = (last, people.some(np.zeros(0, np.int64)), Surfaces(people=()))
    missed = numbers(found, gps=0.5)
    share = len(last.people) / sum(len(one.people) for one in frames)
    assert missed["MOTA"].value == pytest.approx(1 - share) and missed["track_GPS"].value == 0.5


@pytest.mark.parametrize(("corner", "counts"), [((2, 1), False), ((200, 100), True)])
def test_a_box_in_an_ignored_region_is_not_false(
    corner: tuple[int, int], counts: bool, posetrack: Path, film: list[TrueImage]
) -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    image = frames_of(posetrack)[0]
    people, surfaces = found_in(film[0])
    thing_4 = np.array([[*corner, corner[0] + 9, corner[1] + 9]], np.float32)
    more = People(
        frame_N=np.zeros(len(people) + 1, np.int32), box_N4=np.concatenate([people.box_N4, thing_4]),
        score_N=np.ones(len(people) + 1, np.float32), id_N=np.append(people.id_N, 99).astype(np.int32),
    )  # fmt: skip
    shape = PersonSurface(x0=0, y0=0, labels_hw=np.ones((9, 9), np.uint8), uv_2hw=np.zeros((2, 9, 9), np.float32))
    found = numbers([(image, more, Surfaces(people=(*surfaces.people, shape)))])
    assert (found["MOTA"].value < 1) == counts and (found["false_people"].value > 0) == counts


def test_a_whole_evaluation_scores_tracks_and_points(
    posetrack: Path, film: list[TrueImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that finds one of the people: those who are missed count as 0 in the similarity of tracks."""
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    kept = 1 / len(film[0].people)
    monkeypatch.setattr("stages.evaluation.evaluate.open_network", lambda *_: Oracle(film, kept=kept))
    stage = Evaluate(Evaluate.Config(boxes="detected"))
    image = frames_of(posetrack)[0]
    ((score, _, _),) = stage(image)
    gps = track_similarities(score)
    assert len(gps) == len(film[0].people) and max(gps) > 0.9 and gps.count(0.0) == len(gps) - 1


def test_people_without_a_track_are_tracks_of_one_frame(film: list[TrueImage]) -> None:
    unknown = [
        dataclasses.replace(
            one, moving=None, video="v", frame=4 * k,
            people=tuple(dataclasses.replace(person, track=None if n else 7) for n, person in enumerate(one.people)),
        )
        for k, one in enumerate(film)
    ]  # fmt: skip
    tracks = [one.tracks.tolist() for one in unknown if one.tracks is not None]
    assert [one[0] for one in tracks] == [7] * FRAMES
    others = [track for one in tracks for track in one[1:]]
    assert len(set(others)) == len(others) and max(others) < 0
    bare = dataclasses.replace(unknown[0], people=tuple(dataclasses.replace(p, track=None) for p in film[0].people))
    assert bare.tracks is None
