"""The built-in weights go on learning from a user's COCO folder: what its annotations say, and before against after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.light.architecture.weight_files import read_weights
from models.light.architecture.weight_paths import BUILT_IN
from pipeline.command.cli import main
from stages.annotations.image_collections import held_out
from stages.synthetic.synthesize import Synthesize
from stages.training.data.annotated_images import AnnotatedImages
from stages.training.data.annotated_photos import AnnotatedPhotos
from stages.training.data.annotated_sets import SetConfig, prepared
from stages.training.data.labelled_photos import IGNORE, IGNORED, LABELS, PERSON
from stages.training.data.labels_from_annotations import labelled_photo, square_labels
from stages.training.data.labels_from_teachers import square_region
from stages.training.data.photo_pool import PhotoPool
from stages.training.payloads import AnnotatedSet, AnnotatedSets, Round

SMALL: Mapping[str, object] = {
    "rounds.count": 2,
    "draw_scenes.count": 4,
    "train_detector.batch": 2,
    "train_detector.fit.steps": 2,
    "train_detector.fit.lr_schedule.warmup": 1,
    "train_surface.batch": 2,
    "train_surface.fit.steps": 2,
    "train_surface.fit.lr_schedule.warmup": 1,
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> AnnotatedSet:
    folder = tmp_path_factory.mktemp("drawn")
    return prepared(SetConfig(folder=str(folder), draw=Synthesize.Config(count=6), noise=0, dense="truth"))


def finetune(folder: Path, annotations: Path, images: Path, **more: object) -> int:
    settings: dict[str, object] = {
        **SMALL,
        "folder": folder,
        "annotated_sets.sets.mine.annotations": annotations,
        "annotated_sets.sets.mine.images": images,
        "export_light.weights": folder / "light.safetensors",
        "before_after.weights": folder / "light.safetensors",
        "before_after.report": folder / "report.json",
        **more,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return main(["-c", "train_finetune", "--weights", "light", *words])


def test_charts_reach_from_points_no_farther_than_the_truth_mostly_allows(drawn: AnnotatedSet) -> None:
    """Every label against the renderer's truth: background and charts are right, and many cells are known."""
    pictures = AnnotatedImages(drawn)
    charts, right, known = 0, 0, 0
    for index in range(len(pictures)):
        picture = pictures[index]
        assert picture.label_HW is not None
        for k, person in enumerate(picture.people):
            if person.box_4[3] - person.box_4[1] < 60:
                continue
            region_4 = square_region(person.box_4, 1.2, np.zeros(2))
            label_LL, weight_LL = square_labels(picture, k, region_4)
            step = (region_4[2] - region_4[0]) / LABELS
            column, row = (np.floor(region_4[axis] + step * (np.arange(LABELS) + 0.5)).astype(int) for axis in (0, 1))
            inside = np.ix_((row >= 0) & (row < 240), (column >= 0) & (column < 320))
            label, pixel = (
                label_LL[inside],
                np.ix_(row[(row >= 0) & (row < 240)], column[(column >= 0) & (column < 320)]),
            )
            assert np.array_equal(label == 0, person.mask_HW[pixel] == 0)
            sure = (label > 0) & (label != IGNORE)
            charts += int(sure.sum())
            right += int((label[sure] == picture.label_HW[pixel][sure]).sum())
            known += int((person.mask_HW[pixel] > 0).sum())
            assert (weight_LL == 255).all()
    assert charts > 0.5 * known
    assert right > 0.9 * charts


def test_boxes_crowds_and_names_reach_the_pool(drawn: AnnotatedSet, tmp_path: Path) -> None:
    document = json.loads(Path(drawn.annotations).read_text())
    first = document["images"][0]["id"]
    crowd = {"id": 999, "image_id": first, "category_id": 1, "iscrowd": 1, "area": 1.0, "bbox": [4, 6, 40, 30]}
    document["annotations"].append(crowd)
    (tmp_path / "own.json").write_text(json.dumps(document))
    own = AnnotatedSet(annotations=str(tmp_path / "own.json"), images=drawn.images)
    photo = labelled_photo(AnnotatedImages(own), 0, None)
    assert photo.name == "000000.png" and photo.aspect == pytest.approx(4 / 3)
    assert photo.kind_M.tolist()[-1] == IGNORED and set(photo.kind_M.tolist()[:-1]) <= {PERSON}
    assert photo.box_M4[-1] == pytest.approx(np.array([4, 6, 44, 36]) * np.array([1.3, 416 / 240] * 2))
    # The crowd's cells are not background: 52 cells a side of 320 by 240 pixels.
    assert photo.dense_DD[3, 3] != 0
    stage = AnnotatedPhotos(AnnotatedPhotos.Config(folder=str(tmp_path)))
    (shards,) = stage(Round(index=0, count=1), AnnotatedSets(sets=(own,)))
    pool = PhotoPool([Path(path) for path in shards.paths])
    assert [one.name for one in pool.photos] == [
        name for name in sorted(one["file_name"] for one in document["images"]) if not held_out(name)
    ]
    coarse = {int(COARSE_OF_CHART[chart]) for one in pool.people for chart in np.unique(one.label_LL) if 0 < chart < 25}
    assert len(coarse) > 8


def own_folder(drawn: AnnotatedSet, folder: Path, *, points: bool) -> tuple[Path, Path]:
    """A user's pictures, one of which is held out; without points it is a plain COCO file of boxes and masks."""
    names = [f"photo{number}.png" for number in range(200)]
    kept, shown = next(one for one in names if held_out(one)), [one for one in names if not held_out(one)]
    document = json.loads(Path(drawn.annotations).read_text())
    (folder / "own").mkdir()
    for image, name in zip(document["images"], [kept, *shown], strict=False):
        (folder / "own" / name).write_bytes((Path(drawn.images) / image["file_name"]).read_bytes())
        image["file_name"] = name
    if not points:
        plain = (
            "id",
            "image_id",
            "bbox",
            "area",
            "iscrowd",
            "category_id",
            "segmentation",
            "keypoints",
            "num_keypoints",
        )
        document["annotations"] = [{key: one[key] for key in plain} for one in document["annotations"]]
    (folder / "own.json").write_text(json.dumps(document))
    return folder / "own.json", folder / "own"


@pytest.mark.parametrize("points", [True, False], ids=["points", "boxes and masks"])
def test_the_built_in_weights_go_on_and_both_are_scored(
    drawn: AnnotatedSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, points: bool
) -> None:
    annotations, images = own_folder(drawn, tmp_path, points=points)
    assert finetune(tmp_path / "run", annotations, images) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert set(report) == {"before", "after"}
    wanted = "AUC10" if points else "part_of_joint"
    assert wanted in report["before"]["given"] and wanted in report["after"]["given"]
    assert "before" in capsys.readouterr().out
    old, new = read_weights(BUILT_IN), read_weights(tmp_path / "run" / "light.safetensors")
    known = [name for name in old if old[name].is_floating_point()]
    moved = sum(float((old[name] - new[name]).abs().sum()) for name in known)
    # Two small steps from the built-in weights; new ones would be off by more than they are large.
    assert 0 < moved / sum(float(old[name].abs().sum()) for name in known) < 0.05


def test_weights_of_another_kind_are_refused_in_one_sentence(
    drawn: AnnotatedSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations, images = own_folder(drawn, tmp_path, points=True)
    assert finetune(tmp_path / "run", annotations, images, **{"network.kind": "trained"}) == 2
    error = capsys.readouterr().err
    assert "train_finetune_trained" in error and "Traceback" not in error


def test_a_real_coco_folder_is_read(shared: Path) -> None:
    folder = shared / "assets" / "images" / "coco_mini"
    own = AnnotatedSet(
        annotations=str(folder / "annotations" / "person_keypoints_val2017.json"), images=str(folder / "val2017")
    )
    pictures = AnnotatedImages(own)
    photos = [labelled_photo(pictures, index, None) for index in range(5)]
    for index, photo in enumerate(photos):
        assert (photo.kind_M == PERSON).sum() == pictures.count(index) > 0
        assert photo.box_M4.min() >= -1 and photo.box_M4.max() <= 417
        share = (photo.dense_DD == 0).mean()
        assert 0 < share < 1, "neither nobody nor everybody"
