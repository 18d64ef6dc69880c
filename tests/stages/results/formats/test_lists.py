"""JSON and tables: against the DensePose challenge's example, COCO's own reader, MOT's rule and plain arithmetic."""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from models.body.open_body import COCO_KEYPOINTS
from pipeline.stage import StageError
from stages.payloads import PersonSurface, Surfaces
from stages.results.formats.frame_result import quantised
from stages.results.formats.image_plane_angles import SPANS, image_plane_angles
from stages.results.formats.tables import APPEARANCE_COLUMNS, REGION_NAMES, csv_columns
from stages.results.formats.writer import CsvSettings
from stages.synthetic.ground_truth import ground_truth_people, ground_truth_surfaces
from stages.synthetic.synthesize import Synthesize, scene_generator
from tests.stages.results.formats.made_frames import (
    HEIGHT,
    PEOPLE,
    SURFACES,
    VIDEO,
    WIDTH,
    export,
    frames_of,
    in_frame,
    job_of,
    people_of,
    surface_of,
    with_heads,
)

pytestmark = pytest.mark.quick


def pixels_of(entry: dict[str, Any]) -> np.ndarray:
    """The PNG of a result, channels first, as Pillow reads it."""
    picture = np.asarray(Image.open(BytesIO(base64.b64decode(entry["uv_data"]))))
    return picture.transpose(2, 0, 1)


def test_the_challenges_example_has_our_keys(shared: Path, tmp_path: Path) -> None:
    real = json.loads((shared / "assets/real_iuv/fb_densepose/challenge2018_example_results.json").read_text())
    export({"result_json": tmp_path / "r.json"})
    ours = json.loads((tmp_path / "r.json").read_text())
    assert len(real) == 21 and len(ours) == 3
    for entry in [*real, *ours]:
        iuv = pixels_of(entry)
        assert list(iuv.shape) == entry["uv_shape"] and iuv.dtype == np.uint8
        assert entry["bbox"][2:] == [entry["uv_shape"][2], entry["uv_shape"][1]]
        assert all(round(value, 1) == value for value in entry["bbox"])
        assert iuv[0].max() <= 24 and not iuv[1:, iuv[0] == 0].any()
        assert entry["category_id"] == 1 and 0 <= entry["score"] <= 1 and isinstance(entry["image_id"], int)
    assert set(real[0]) == set(ours[0]) - {"track_id"}


def test_a_real_result_is_exported_unchanged(shared: Path, tmp_path: Path) -> None:
    real = json.loads((shared / "assets/real_iuv/fb_densepose/challenge2018_example_results.json").read_text())
    for entry in (real[0], real[7]):
        iuv = pixels_of(entry)
        x, y, w, h = entry["bbox"]
        uv = (iuv[1:] + np.float32(0.5)) / np.float32(255)
        surface = PersonSurface(x0=int(x), y0=int(y), labels_hw=np.ascontiguousarray(iuv[0]), uv_2hw=uv)
        people = replace(people_of([0], [[x, y, x + w, y + h]], [-1]), score_N=np.array([entry["score"]], np.float32))
        video = replace(VIDEO, width=800, height=800, still=True)
        job = replace(job_of(overwrite=True), stem=f"{entry['image_id']:012d}")
        export(
            {"result_json": tmp_path / "r.json"},
            frames_of(1, video=video),
            people,
            Surfaces(people=(surface,)),
            job=job,
        )
        (ours,) = json.loads((tmp_path / "r.json").read_text())
        assert np.array_equal(pixels_of(ours), iuv)
        assert ours["score"] == pytest.approx(entry["score"], abs=1e-6)
        assert {key: ours[key] for key in ("image_id", "category_id", "bbox", "uv_shape")} == {
            key: entry[key] for key in ("image_id", "category_id", "bbox", "uv_shape")
        }
        assert "track_id" not in ours  # an image knows no identities


def test_rounding_does_not_move_grids(tmp_path: Path) -> None:
    """Corners just below a whole pixel: a reader that takes int() of them finds the grid at its place."""
    people = people_of([0], [[10.96, -2.998, 40.5, 30.0]], [3])
    surface = PersonSurface(
        x0=10, y0=-2, labels_hw=np.ones((32, 30), np.uint8), uv_2hw=np.zeros((2, 32, 30), np.float32)
    )
    for kind, corner in (("result_json", [10.9, -2.9]), ("coco", [10.96, -2.99])):
        path = tmp_path / f"{kind}.json"
        export({kind: path}, frames_of(1), people, Surfaces(people=(surface,)))
        (entry,) = json.loads(path.read_text())
        assert entry["bbox"][:2] == corner
        assert [int(value) for value in entry["bbox"][:2]] == [surface.x0, surface.y0]


def test_coco_reads_boxes_masks_and_keypoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export({"coco": tmp_path / "c.json"}, frames_of(3, index=[10, 12, 14]))
    entries = json.loads((tmp_path / "c.json").read_text())
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i, "height": HEIGHT, "width": WIDTH} for i in (10, 12, 14)],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_KEYPOINTS)}],
    }
    truth.createIndex()
    read = truth.loadRes(str(tmp_path / "c.json"))
    capsys.readouterr()
    assert [ann["image_id"] for ann in read.anns.values()] == [10, 10, 14]
    for person, (entry, ann) in enumerate(zip(entries, read.anns.values(), strict=True)):
        x0, y0, x1, y1 = PEOPLE.box_N4[person].tolist()
        assert ann["bbox"] == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=0.006)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for row, column, _, _ in in_frame(SURFACES.people[person]):
            mask[row, column] = 1
        assert np.array_equal(coco_masks.decode(ann["segmentation"]), mask)
        assert len(ann["keypoints"]) == 51
        assert entry["track_id"] == PEOPLE.id_N[person]
        surface = SURFACES.people[person]
        assert np.array_equal(pixels_of(entry).transpose(1, 2, 0), quantised(surface.labels_hw, surface.uv_2hw))


def test_lists_name_the_keypoints_and_the_mask_of_a_networks_heads(tmp_path: Path) -> None:
    """The COCO list names every joint with its score; tables leave out unsure joints."""
    surface = with_heads(surface_of(2, 10, 5, 39, 30), 6)
    people, surfaces = people_of([0], [[10, 5, 40, 44]], [3]), Surfaces(people=(surface,))
    plane = CsvSettings(angles="image_plane")
    export({"coco": tmp_path / "c.json", "csv": tmp_path / "c.csv"}, frames_of(1), people, surfaces, csv=plane)
    (entry,) = json.loads((tmp_path / "c.json").read_text())
    assert np.array(entry["keypoints"]).reshape(17, 3) == pytest.approx(surface.keypoint_K3, abs=0.006)
    mask = coco_masks.decode(entry["segmentation"])
    assert np.array_equal(mask[5:44, 10:40], surface.mask_hw) and mask.sum() == np.sum(surface.mask_hw)
    with (tmp_path / "c.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    for j, name in enumerate(COCO_KEYPOINTS):
        told = [row[f"{name}_{axis}"] for axis in ("x", "y", "seen")]
        sure = surface.keypoint_K3[j]
        assert told == (["", "", "0"] if j in (4, 9) else [f"{value:.2f}" for value in sure])
    assert row["left_elbow_angle_image_plane"] == ""  # the left wrist, joint 9, is unsure
    assert row["right_elbow_angle_image_plane"] != ""


@pytest.fixture(scope="module")
def scene():
    """Synthetic people with exact keypoints."""
    draw = scene_generator(Synthesize.Config(world="val", height=360, width=480, seed=11))
    return next(made for made in map(draw, range(40)) if len(made.box_N4) >= 2)


def test_the_table_holds_boxes_identities_and_keypoints(scene: Any, tmp_path: Path) -> None:
    people, surfaces = ground_truth_people(scene), ground_truth_surfaces(scene)
    people = replace(people, id_N=np.array([12, *[-1] * (len(people) - 1)], np.int32))
    video = replace(VIDEO, width=480, height=360)
    export({"csv": tmp_path / "p.csv"}, frames_of(1, first=50, index=[99], video=video), people, surfaces)
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(csv_columns("body")) and len(rows) == len(people)
    assert [(row["frame"], row["seconds"], row["id"]) for row in rows[:2]] == [
        ("99", "2.000000", "12"),
        ("99", "2.000000", ""),
    ]
    near = []
    for row, box, true_173 in zip(rows, people.box_N4, scene.keypoint_N173, strict=True):
        assert [float(row[key]) for key in ("x0", "y0", "x1", "y1")] == pytest.approx(box.tolist(), abs=0.006)
        size = np.sqrt((box[2] - box[0]) * (box[3] - box[1]))
        for name, (x, y, seen) in zip(COCO_KEYPOINTS, true_173, strict=True):
            if seen == 2 and row[f"{name}_x"]:
                near.append(np.hypot(float(row[f"{name}_x"]) - x, float(row[f"{name}_y"]) - y) / size)
    assert len(near) > 12 and np.median(near) < 0.03
    unseen = [name for name in COCO_KEYPOINTS if rows[0][f"{name}_x"] == ""]
    assert all(float(rows[0][f"{name}_seen"]) == 0 for name in unseen)


def keypoints(**places: tuple[float, float]) -> np.ndarray:
    """Some keypoints visible, the others not."""
    result = np.zeros((17, 3), np.float32)
    for name, place in places.items():
        result[COCO_KEYPOINTS.index(name)] = (*place, 1)
    return result


def test_angles_are_those_of_plane_geometry() -> None:
    body = keypoints(
        left_shoulder=(60, 20), right_shoulder=(40, 20), left_hip=(60, 60), right_hip=(40, 60),
        left_elbow=(80, 20), left_wrist=(80, 0), left_knee=(60, 80), left_ankle=(60, 100),
    )  # fmt: skip
    angle = dict(zip((*SPANS, "trunk"), image_plane_angles(body).tolist(), strict=True))
    assert angle["left_shoulder"] == pytest.approx(90) and angle["left_elbow"] == pytest.approx(90)
    assert angle["left_hip"] == pytest.approx(180) and angle["left_knee"] == pytest.approx(180)
    assert angle["trunk"] == pytest.approx(0)
    assert all(np.isnan(angle[name]) for name in ("right_shoulder", "right_elbow", "right_hip", "right_knee"))
    lean = keypoints(left_shoulder=(50, 0), right_shoulder=(30, 0), left_hip=(30, 20), right_hip=(10, 20))
    assert image_plane_angles(lean)[-1] == pytest.approx(45)
    bent = keypoints(left_shoulder=(0, 0), left_elbow=(10, 0), left_wrist=(10 - 10 * np.cos(np.pi / 6), 5))
    assert image_plane_angles(bent)[list(SPANS).index("left_elbow")] == pytest.approx(30, abs=1e-3)


def test_angles_are_those_of_the_picture_as_shown(tmp_path: Path) -> None:
    """Here pixels are twice as wide as high."""
    surface = with_heads(surface_of(2, 10, 5, 39, 30), 6)
    frames, plane = frames_of(1, video=replace(VIDEO, sample_aspect=Fraction(2))), CsvSettings(angles="image_plane")
    people = people_of([0], [[10, 5, 40, 44]], [3])
    export({"csv": tmp_path / "c.csv"}, frames, people, Surfaces(people=(surface,)), csv=plane)
    with (tmp_path / "c.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    angle = image_plane_angles(surface.keypoint_K3 * np.array([2, 1, 1]))[list(SPANS).index("right_elbow")]
    assert float(row["right_elbow_angle_image_plane"]) == pytest.approx(angle, abs=0.051)


def test_tracks_count_frames_and_pixels_from_one(tmp_path: Path) -> None:
    people = replace(PEOPLE, id_N=np.array([7, -1, 7], np.int32))
    export({"mot": tmp_path / "t.txt"}, frames_of(3, index=[0, 5, 10]), people)
    lines = (tmp_path / "t.txt").read_text().splitlines()
    assert lines == ["1,7,-1.70,4.90,22.90,26.20,0.9900,-1,-1,-1", "11,7,31.00,21.00,33.90,27.90,0.3100,-1,-1,-1"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("coco", "[]"),
        ("result_json", "[]"),
        ("csv", ",".join(csv_columns("body"))),
        ("mot", ""),
        ("appearance", ",".join(APPEARANCE_COLUMNS)),
    ],
)
def test_no_people_give_an_empty_list(tmp_path: Path, kind: str, content: str) -> None:
    export({kind: tmp_path}, frames_of(2), people_of([], [], []), Surfaces(people=()))
    (path,) = tmp_path.iterdir()
    assert path.read_text().replace("[\n\n]", "[]").strip() == content
    assert kind in ("csv", "mot", "appearance") or json.loads(path.read_text()) == []


def test_appearance_is_only_in_its_own_export(tmp_path: Path) -> None:
    """Shirt charts 1 and 2 on red, thigh charts 7 to 10 on blue, half of the pixels each."""
    labels = np.repeat(np.array([[1], [2], [7], [10]], np.uint8), 6, axis=1)
    surface = PersonSurface(x0=4, y0=2, labels_hw=labels, uv_2hw=np.full((2, 4, 6), 0.5, np.float32))
    frames = frames_of(1, index=[8])
    rgb = frames.rgb_THW3.copy()
    rgb[0, 2:4, 4:10], rgb[0, 4:6, 4:10] = (200, 20, 10), (0, 40, 250)
    frames, people, surfaces = replace(frames, rgb_THW3=rgb), people_of([0], [[4, 2, 10, 6]], [5]), (surface,)
    others = {kind: tmp_path / f"{kind}.{suffix}" for kind, suffix in LISTS.items()}
    to = {"appearance": tmp_path / "l.csv", **others, "surfaces": tmp_path / "s"}
    export(to, frames, people, Surfaces(people=surfaces))
    with (tmp_path / "l.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["frame"], row["id"]) == ("8", "5")
    told = {name: [row[f"{name}_{part}"] for part in ("red", "green", "blue", "share")] for name in REGION_NAMES}
    assert told["torso"] == ["200.0", "20.0", "10.0", "0.500"] and told["thighs"] == ["0.0", "40.0", "250.0", "0.500"]
    assert all(told[name] == ["", "", "", "0.000"] for name in REGION_NAMES if name not in ("torso", "thighs"))
    entries = [json.loads((tmp_path / f"{kind}.json").read_text())[0] for kind in ("coco", "result_json")]
    with np.load(tmp_path / "s" / "frame_000008.npz") as saved:
        keys = {*csv_columns("body"), *entries[0], *entries[1], *saved.files}
    assert not [key for key in keys if any(word in key for word in ("look", "red", "colour", "appearance"))]


def test_one_file_for_several_inputs_or_one_that_exists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="several inputs cannot go to one file"):
        export({"csv": tmp_path / "a.csv"}, job=job_of(several=True))
    export({"csv": tmp_path}, job=job_of(several=True))
    assert [p.name for p in tmp_path.iterdir()] == ["walk.csv"]
    with pytest.raises(StageError, match="exists already"):
        export({"csv": tmp_path})
    export({"csv": tmp_path}, job=job_of(overwrite=True))
    with pytest.raises(StageError, match=r'"csv" cannot be written as ".xls"; use .csv'):
        export({"csv": tmp_path / "a.xls"})


def test_a_smoothed_box_is_written_where_its_surface_is(tmp_path: Path) -> None:
    """Readers place the surface at the integer part of the box's corner."""
    moved = replace(PEOPLE, box_N4=PEOPLE.box_N4 + np.float32(1.6))
    for kind in ("result_json", "coco"):
        export({kind: tmp_path / f"{kind}.json"}, people=moved)
        entries = json.loads((tmp_path / f"{kind}.json").read_text())
        for entry, surface in zip(entries, SURFACES.people, strict=True):
            assert entry["bbox"] == [surface.x0, surface.y0, *reversed(surface.labels_hw.shape)]


def test_bridged_people_are_marked_if_the_format_allows_it(tmp_path: Path) -> None:
    people = replace(PEOPLE, bridged_N=np.array([False, True, False]))
    export({kind: tmp_path / f"{kind}.{suffix}" for kind, suffix in LISTS.items()}, people=people)
    for kind in ("result_json", "coco"):
        entries = json.loads((tmp_path / f"{kind}.json").read_text())
        assert [entry.get("bridged") for entry in entries] == [None, True, None]
    with (tmp_path / "csv.csv").open() as file:
        assert [row["bridged"] for row in csv.DictReader(file)] == ["0", "1", "0"]
    assert len((tmp_path / "mot.txt").read_text().splitlines()) == 3


LISTS = {"result_json": "json", "coco": "json", "csv": "csv", "mot": "txt"}
