"""Networks that this project trained, on all engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import make_network, write_trained
from models.errors import ModelError
from models.inference.trained_network import open_trained
from models.network import NetworkConfig
from models.structures import Detections, SurfaceMap
from models.variant import Variant

BOX = np.array([[12.0, 9.0, 70.0, 88.0]], np.float32)


def written(folder: Path, kind: str, variant: Variant) -> Path:
    """A network with random weights and a higher logit of the person, so that it finds people."""
    torch.manual_seed(3)
    network = make_network(kind, variant)  # type: ignore[arg-type]
    weights = network.state_dict()
    if kind == "rcnn":
        weights["roi_heads.box_predictor.cls_score.bias"] = torch.tensor([2.0, -2.0])
    path = folder / f"{kind}.safetensors"
    about = TrainedInfo(kind=kind, variant=variant, min_size=96, max_size=128)  # type: ignore[arg-type]
    write_trained(path, weights, about)
    return path


def seen(path: Path, engine: str) -> tuple[Detections, SurfaceMap]:
    config = NetworkConfig(kind="trained", weights=str(path), engine=engine, precision="fp32")  # type: ignore[arg-type]
    network = open_trained(config, 1)
    frame = np.random.default_rng(1).integers(0, 255, (1, 96, 128, 3), dtype=np.uint8)
    found, features = network.detect(frame)
    return found[0], network.surfaces(features, [BOX])[0][0]


def test_the_engines_agree_on_a_cascade(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path = written(tmp_path, "rcnn", Variant(backbone="tiny", mask=True, keypoints=True, cascade=True))
    (found, surface), (other, twin) = seen(path, "torch"), seen(path, "openvino")
    assert len(found) == len(other) > 0
    assert np.allclose(found.box_N4, other.box_N4, atol=0.05) and np.allclose(found.score_N, other.score_N, atol=1e-3)
    same = surface.labels_hw == twin.labels_hw
    assert same.mean() > 0.995
    assert np.allclose(surface.uv_2hw[:, same], twin.uv_2hw[:, same], atol=1e-3)


def test_a_whole_image_network_gives_its_maps_inside_a_box(tmp_path: Path) -> None:
    """The surface of a box of the image's size is the argmax of the maps."""
    from models.checkpoints.trained_weights import load_trained
    from models.inference.assembly import decide_labels
    from models.inference.preprocess import network_input

    path = written(tmp_path, "fcn", Variant(backbone="tiny"))
    network = open_trained(NetworkConfig(kind="trained", weights=str(path)), 1)
    frame = np.random.default_rng(1).integers(0, 255, (1, 96, 96, 3), dtype=np.uint8)
    _, features = network.detect(frame)
    surface = network.surfaces(features, [np.array([[0, 0, 96, 96]], np.float32)])[0][0]
    with torch.no_grad():
        maps = load_trained(path)[0](network_input(frame, (96, 96)).permute(0, 3, 1, 2))
    expected = decide_labels(maps["fine_segm"][0], maps["coarse_segm"][0], (96, 96)).numpy()
    # Resampling to 112 cells changes single pixels of a random network; a shift by one pixel would change more.
    right = (surface.labels_hw == expected).mean()
    shifted = (surface.labels_hw[:, :-1] == expected[:, 1:]).mean()
    assert right > 0.7 and right > shifted + 0.15


def test_weights_files_have_the_usual_permissions(tmp_path: Path) -> None:
    """The writer of safetensors creates files that only their owner can read."""
    (tmp_path / "plain").touch()
    path = written(tmp_path, "fcn", Variant(backbone="tiny"))
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert not list(tmp_path.glob("*.partial"))


def test_other_weights_are_refused_with_a_clear_message(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    for path, message in (("other", "has no description"), ("none", "no such weights file")):
        with pytest.raises(ModelError, match=message):
            open_trained(NetworkConfig(kind="trained", weights=str(tmp_path / f"{path}.safetensors")), 1)
    with pytest.raises(ModelError, match="no built-in weights"):
        open_trained(NetworkConfig(kind="trained"), 1)
