"""The real pictures of the light weights, gathered from clones of repositories made here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask

from pipeline.configuration.config import read_config
from stages.annotations.coco_masks import decode_mask, encode_mask
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


def write_clip(path: Path, frames: Sequence[npt.NDArray[np.uint8]]) -> None:
    """A video of these frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        for rgb_HW3 in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb_HW3, format="rgb24")))
        container.mux(stream.encode())


def test_the_light_weights_photos_are_gathered_from_clones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person that two samples annotate is one, with the keypoints of one of them; what is missing is named.

    DAVIS's masks of one person become annotations of their frames.
    """
    weights, clones, out = tmp_path / "weights", tmp_path / "clones", tmp_path / "out"
    weights.mkdir()
    (weights / "light_coco.json").write_text('{"a.jpg": 4, "b.jpg": 5}')
    (weights / "light_things.txt").write_text("flower_photos x/a rose.jpg\nPackt y/b.jpg\nclothes train/a hat.jpg\n")
    runs = encode_mask(np.pad(np.ones((8, 4), np.uint8), ((20, 4), (6, 22))))
    (weights / "light_masks.json").write_text(json.dumps({"size": runs["size"], "counts": {"1": runs["counts"]}}))
    monkeypatch.setattr(light_photos, "WEIGHTS", weights)

    def annotated(number: int, **more: object) -> str:
        images = [{"id": number, "file_name": f"{'.ab'[number]}.jpg"}, {"id": 9, "file_name": "not listed.jpg"}]
        people = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4], **more} for n in (number, 9)]
        return json.dumps({"images": images, "annotations": people})

    frames = {f"{light_photos.FRAMES}/{name}/0.jpg": name for name in (*light_photos.PEOPLE, *light_photos.NOBODY)}
    mask_HW = np.zeros((20, 30), np.uint8)
    for number, sides in enumerate([(0, 0), *[(9, 5)] * 5, (0, 0)]):  # of every four frames one; the last is empty
        mask_HW[:] = 0
        mask_HW[2 : 2 + sides[0], 3 : 3 + sides[1]] = 255
        frames[f"{light_photos.FRAMES}/parkour/0000{number}.jpg"] = f"frame {number}"
        frames[f"{light_photos.MASKS}/parkour/0000{number}.png"] = cv2.imencode(".png", mask_HW)[1].tobytes()
    frames[f"{light_photos.MASKS}/soapbox/00000.png"] = "two people and their car"
    committed(clones / light_photos.PLACES["human"], {"train/images/a.jpg": "a", "data.yaml": "b"})
    committed(clones / light_photos.PLACES["davis"], frames | {f"{light_photos.FRAMES}/other/0.jpg": "no"})
    committed(clones / light_photos.PLACES["flower_photos"], {"x/a rose.jpg": "rose", "x/c.jpg": "no"})
    committed(clones / light_photos.PLACES["Packt"], {"y/b.jpg": "plane"})
    committed(clones / light_photos.PLACES["GroceryStoreDataset"], {"z.jpg": "no"})
    committed(clones / light_photos.PLACES["clothes"], {"train/a hat.jpg": "hat", "train/b.jpg": "no"})
    clip = tmp_path / "clip.mp4"
    write_clip(clip, [np.full((32, 32, 3), 60 * number, np.uint8) for number in range(3)])
    committed(clones / light_photos.PLACES["still"], {light_photos.STILL: clip.read_bytes()})
    for name in ("openimages", "bottles"):
        committed(clones / light_photos.PLACES[name], {"z.jpg": "no"})
    committed(clones / light_photos.PLACES["clips"], dict.fromkeys([*light_photos.CLIPS, "other.mp4"], "clip"))
    for name in light_photos.SAMPLES:
        committed(clones / name, {"readme": name})
    committed(clones / "COCO128", {"c/instances_val2017.json": annotated(1), "c/a.jpg": b"\xff\xd8a"})
    assert light_photos.main([str(clones), str(out)]) == 2
    assert "no sample has 1 of the images of light_coco.json, b.jpg first" in capsys.readouterr().err
    more = {"a/person_keypoints_train2017.json": annotated(1, keypoints=[0] * 51)}
    committed(clones / "ATSS", more | {"c/instances_train2017.json": annotated(2), "c/b.jpg": "b"})
    assert light_photos.main([str(clones), str(out)]) == 0

    document = json.loads((out / "coco/annotations/person_keypoints_train2017.json").read_text())
    named = {image["id"]: image["file_name"] for image in document["images"]}
    still = f"{Path(light_photos.STILL).stem}_00001.jpg"
    assert list(named.values()) == ["a.jpg", "b.jpg", "parkour_00004.jpg", still]
    first, second, runner, visitor = document["annotations"]
    assert [("keypoints" in one, named[one["image_id"]]) for one in (first, second)] == [
        (True, "a.jpg"),
        (False, "b.jpg"),
    ]
    assert named[runner["image_id"]] == "parkour_00004.jpg" and runner["bbox"] == [3, 2, 5, 9] and runner["area"] == 45
    assert coco_mask.decode(runner["segmentation"])[2:11, 3:8].all()
    assert named[visitor["image_id"]] == still and visitor["bbox"] == [6, 20, 4, 8]
    assert abs(cv2.imread(str(out / "coco/train2017" / still)).mean() - 60) < 4
    assert (out / "coco/train2017/a.jpg").read_bytes() == b"\xff\xd8a"
    assert (out / "coco/train2017/parkour_00004.jpg").read_text() == "frame 4"
    gathered = {str(path.relative_to(out)) for name in ("things", "nobody") for path in (out / name).rglob("*.jpg")}
    assert gathered == {"things/flower_photos/x/a rose.jpg", "things/Packt/y/b.jpg", "nobody/clothes/train/a hat.jpg"}
    assert len(list((out / "davis" / light_photos.FRAMES).iterdir())) == 17
    assert (out / "human/train/images/a.jpg").is_file()
    changes = [word for word in (out / "settings").read_text().split() if word != "--set"]
    labelled = read_config("train_light", changes).values["label_photos"]
    assert len(labelled["sequences"]) == 17 and [Path(clip).is_file() for clip in labelled["clips"]] == [True] * 5
    folders = (labelled["human_v2"], labelled["coco"], *labelled["photos"], *labelled["nobody"])
    assert all(Path(folder).is_dir() for folder in folders)
    shutil.rmtree(clones / "EOR-VOS")
    assert light_photos.main([str(clones), str(out)]) == 2
    assert "EOR-VOS" in capsys.readouterr().err


def test_the_shipped_masks_hold_one_person_each() -> None:
    document = json.loads((light_photos.WEIGHTS / "light_masks.json").read_text())
    for counts in document["counts"].values():
        mask_HW = decode_mask({"size": document["size"], "counts": counts})
        assert cv2.connectedComponents(mask_HW)[0] == 2
        assert 0.02 < mask_HW.mean() < 0.3
