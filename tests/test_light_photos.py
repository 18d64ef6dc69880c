"""The real pictures of the light weights, gathered from clones of repositories made here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.config import read_config
from tests.benchmarks.training import light_photos

pytestmark = pytest.mark.quick


def committed(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """A repository of one commit."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    me = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*me, "commit", "-q", "-m", "all")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


def test_the_light_weights_photos_are_gathered_from_clones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person that two samples annotate is one, with the keypoints of one of them; what is missing is named."""
    weights, clones, out = tmp_path / "weights", tmp_path / "clones", tmp_path / "out"
    weights.mkdir()
    (weights / "light_coco.json").write_text('{"a.jpg": 4, "b.jpg": 5}')
    (weights / "light_things.txt").write_text("flower_photos x/a rose.jpg\nPackt y/b.jpg\n")
    monkeypatch.setattr(light_photos, "WEIGHTS", weights)

    def annotated(number: int, **more: object) -> str:
        images = [{"id": number, "file_name": f"{'.ab'[number]}.jpg"}, {"id": 9, "file_name": "not listed.jpg"}]
        people = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4], **more} for n in (number, 9)]
        return json.dumps({"images": images, "annotations": people})

    frames = {f"{light_photos.FRAMES}/{name}/0.jpg": name for name in (*light_photos.PEOPLE, *light_photos.NOBODY)}
    committed(clones / light_photos.PLACES["human"], {"train/images/a.jpg": "a", "data.yaml": "b"})
    committed(clones / light_photos.PLACES["davis"], frames | {f"{light_photos.FRAMES}/other/0.jpg": "no"})
    committed(clones / light_photos.PLACES["flower_photos"], {"x/a rose.jpg": "rose", "x/c.jpg": "no"})
    committed(clones / light_photos.PLACES["Packt"], {"y/b.jpg": "plane"})
    committed(clones / light_photos.PLACES["GroceryStoreDataset"], {"z.jpg": "no"})
    for name in light_photos.SAMPLES:
        committed(clones / name, {"readme": name})
    committed(clones / "COCO128", {"c/instances_train2017.json": annotated(1), "c/a.jpg": b"\xff\xd8a"})
    assert light_photos.main([str(clones), str(out)]) == 2
    assert "no sample has 1 of the images of light_coco.json, b.jpg first" in capsys.readouterr().err
    more = {"a/person_keypoints_train2017.json": annotated(1, keypoints=[0] * 51)}
    committed(clones / "ATSS", more | {"c/instances_train2017.json": annotated(2), "c/b.jpg": "b"})
    assert light_photos.main([str(clones), str(out)]) == 0

    document = json.loads((out / "coco/annotations/person_keypoints_train2017.json").read_text())
    assert [image["file_name"] for image in document["images"]] == ["a.jpg", "b.jpg"]
    assert [("keypoints" in one, one["image_id"]) for one in document["annotations"]] == [(True, 1), (False, 2)]
    assert (out / "coco/train2017/a.jpg").read_bytes() == b"\xff\xd8a"
    things = {str(path.relative_to(out / "things")) for path in (out / "things").rglob("*.jpg")}
    assert things == {"flower_photos/x/a rose.jpg", "Packt/y/b.jpg"}
    assert len(list((out / "davis" / light_photos.FRAMES).iterdir())) == 20
    assert (out / "human/train/images/a.jpg").is_file()
    changes = [word for word in (out / "settings").read_text().split() if word != "--set"]
    labelled = read_config("train_light", changes).values["label_photos"]
    assert len(labelled["sequences"]) == 20
    assert all(Path(folder).is_dir() for folder in (labelled["human_v2"], labelled["coco"], *labelled["photos"]))
    shutil.rmtree(clones / "EOR-VOS")
    assert light_photos.main([str(clones), str(out)]) == 2
    assert "EOR-VOS" in capsys.readouterr().err
