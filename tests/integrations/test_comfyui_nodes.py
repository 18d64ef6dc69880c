"""The nodes for ComfyUI, in a host of a few lines; `test_comfyui_server.py` runs them in ComfyUI itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import threadpoolctl
import torch

from densepose_video import run
from models.inference.open_network import shared_network
from pipeline.stage import Job
from stages.bodies.paint_bodies import PaintBodies
from stages.drawing.unwrap import Unwrap
from stages.results.formats.part_colours import VIRIDIS

FRAMES = 3


class StoppedByUser(BaseException):
    """As ComfyUI's own exception: no `Exception`, so that nodes do not swallow it."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The two modules of ComfyUI that the nodes ask."""
    state = SimpleNamespace(bars=[], stop_after=None)

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total, self.current = total, 0
            state.bars.append(self)

        def update(self, value: int) -> None:
            self.current += value

    def throw() -> None:
        if state.stop_after is not None and state.bars[-1].current >= state.stop_after:
            raise StoppedByUser

    utils, management = ModuleType("comfy.utils"), ModuleType("comfy.model_management")
    utils.ProgressBar = ProgressBar  # type: ignore[attr-defined]
    management.throw_exception_if_processing_interrupted = throw  # type: ignore[attr-defined]
    names = {"comfy": ModuleType("comfy"), "comfy.utils": utils, "comfy.model_management": management}
    for name, module in names.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield state


@pytest.fixture(scope="module")
def nodes() -> dict[str, Any]:
    return dict(importlib.import_module("integrations.comfyui").NODE_CLASS_MAPPINGS)


@pytest.fixture(scope="module")
def film() -> list[np.ndarray]:
    """The first frames of the demo clip, with one of which nothing is left out."""
    frames = run("video", settings={"decode.max_size": 320, "decode.end": FRAMES / 25, "render.style": "none"})
    return [frame.rgb_HW3 for frame in frames]


@pytest.fixture
def batch(film: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(film)).float() / 255


def as_bytes(batch: torch.Tensor) -> np.ndarray:
    return np.rint(batch.numpy() * 255).astype(np.uint8)


def test_the_sockets_are_those_of_controlnet_aux(nodes: dict[str, Any]) -> None:
    """Its node takes image, model, cmap and resolution, and gives an image first; these values are in its list."""
    node = nodes["DensePoseVideo"]
    sockets = {**node.INPUT_TYPES()["required"], **node.INPUT_TYPES()["optional"]}
    assert list(sockets)[:3] == ["image", "cmap", "resolution"] and node.RETURN_TYPES[0] == "IMAGE"
    assert {"Viridis (MagicAnimate)", "Parula (CivitAI)"} <= set(sockets["cmap"][0])
    assert sockets["resolution"][1]["default"] == 512
    for one in nodes.values():
        assert callable(getattr(one(), one.FUNCTION)) and one.CATEGORY


def test_a_batch_is_a_clip_with_the_pixels_of_run(
    host: SimpleNamespace, nodes: dict[str, Any], film: list[np.ndarray], batch: torch.Tensor
) -> None:
    image, mask, people = nodes["DensePoseVideo"]().execute(
        batch, resolution=0, model="densepose_r50_fpn_dl.torchscript"
    )
    expected = list(run("video", film, settings={"render.style": "none"}))
    assert np.array_equal(as_bytes(image), np.stack([frame.picture("magicanimate") for frame in expected]))
    assert np.array_equal(mask.numpy() > 0, np.stack([frame.picture("masks") > 0 for frame in expected]))
    assert [frame.people.id_N.tolist() for frame in people] == [frame.people.id_N.tolist() for frame in expected]
    assert as_bytes(image)[0, 0, 0].tolist() == VIRIDIS[0].tolist() and image.dtype == torch.float32
    (bar,) = host.bars
    assert (bar.current, bar.total) == (FRAMES, FRAMES)


def test_images_on_their_own_have_no_identities_and_the_network_is_loaded_once(
    host: SimpleNamespace, nodes: dict[str, Any], batch: torch.Tensor
) -> None:
    loaded = shared_network.cache_info().misses
    image, _, people = nodes["DensePoseVideo"]().execute(batch[:2], "texture", 0, frames_are_a_clip=False)
    nodes["DensePoseVideo"]().execute(batch[:1], "texture", 0)
    assert [frame.still for frame in people] == [True, True] and image.shape == (2, *batch.shape[1:])
    assert all((frame.people.id_N < 0).all() for frame in people)
    assert shared_network.cache_info().misses - loaded <= 1


def test_resolution_is_the_shorter_side_as_in_controlnet_aux(host: SimpleNamespace, nodes: dict[str, Any]) -> None:
    clips = importlib.import_module("integrations.comfyui.clips")
    rgb = np.random.default_rng(0).integers(0, 255, (1, 90, 161, 3), np.uint8)
    given = torch.from_numpy(rgb).float() / 255
    assert np.array_equal(clips.images_of(given), rgb)
    assert np.array_equal(clips.images_of(given, 45)[0], cv2.resize(rgb[0], (80, 45), interpolation=cv2.INTER_AREA))
    assert np.array_equal(clips.images_of(given, 180)[0], cv2.resize(rgb[0], (322, 180), interpolation=cv2.INTER_CUBIC))


def test_masks_of_a_part_and_of_one_identity(host: SimpleNamespace, nodes: dict[str, Any], batch: torch.Tensor) -> None:
    _, whole, people = nodes["DensePoseVideo"]().execute(batch, resolution=0)
    one, other = people[0].people.id_N.tolist()
    parts = {
        of: nodes["DensePoseVideo"]().execute(batch, resolution=0, mask_of=of, identity=identity)[1]
        for of, identity in (("clothes", 0), ("people", one))
    }
    assert 0 < parts["clothes"].sum() < whole.sum() and 0 < parts["people"].sum() < whole.sum()
    assert ((parts["people"] > 0) <= (whole > 0)).all()
    listed = nodes["DensePoseVideo"].INPUT_TYPES()["optional"]["mask_of"][0]
    assert all(people[0].picture(f"masks:{name}").any() for name in listed[1:])
    (coloured,) = nodes["DensePoseIdentityMasks"]().execute(people, "white (people are replaced)")
    left = min(range(2), key=lambda i: people[0].people.box_N4[i, 0])
    number = people[0].picture("inds")
    identity = (one, other)[left]
    assert (as_bytes(coloured)[0][number == identity] == [0, 0, 255]).all()
    assert (as_bytes(coloured)[0][number == 0] == 255).all()


def _blas_threads() -> int:
    """The most threads that an OpenBLAS in this process has."""
    libraries = threadpoolctl.threadpool_info()
    return max((each["num_threads"] for each in libraries if each["internal_api"] == "openblas"), default=1)


def test_clothes_go_from_one_to_all(
    host: SimpleNamespace, nodes: dict[str, Any], batch: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mask, people = nodes["DensePoseVideo"]().execute(batch, resolution=0)
    threads: list[int] = []
    with monkeypatch.context() as watched, threadpoolctl.threadpool_limits(3, user_api="blas"):
        flush = PaintBodies.flush
        watched.setattr(PaintBodies, "flush", lambda self: threads.append(_blas_threads()) or flush(self))
        (atlas,) = nodes["DensePoseUnwrapClothes"]().execute(people, side=64)
    assert threads == [1]
    assert atlas.shape == (1, 6 * 64, 4 * 64, 3) and atlas.std() > 0.02
    job = Job(index=0, input="a", output=str(tmp_path / "a.png"), stem="a")
    flat = Unwrap(Unwrap.Config(side=64, paint="surface"))
    for frame in people:
        assert frame.chunk().second(0) == frame.seconds and not frame.chunk().video.still
        list(flat(job, frame.chunk(), frame.people, frame.surfaces))
    list(flat.flush())
    by_surface = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    assert (as_bytes(atlas)[0] != by_surface).any(), "texels are found through bodies"
    red = torch.zeros_like(atlas)
    red[..., 0] = 1
    (dressed,) = nodes["DensePoseWearAtlas"]().execute(batch, red)
    change = (dressed - batch).abs().sum(-1)
    assert change[mask > 0].mean() > 0.3 and change[mask == 0].mean() < 0.01


def test_bodies_are_white_where_they_are_near(
    host: SimpleNamespace, nodes: dict[str, Any], batch: torch.Tensor
) -> None:
    depth, normals, skeleton = nodes["DensePoseBodies"]().execute(batch, resolution=0)
    assert depth.shape == normals.shape == skeleton.shape == batch.shape
    assert depth.max() == 1 and (depth[..., 0] == depth[..., 2]).all() and (depth == 0).float().mean() > 0.8
    assert 0 < (normals.sum(-1) > 0).float().mean() < 0.2 and skeleton.max() > 0.3
    clips = importlib.import_module("integrations.comfyui.clips")
    assert clips.grey_depth([np.array([[0, 1000], [2000, 4000]])])[0, ..., 0].tolist() == [[0, 1], [0.5, 0.25]]
    assert not clips.grey_depth([np.zeros((2, 2))]).any()


def test_cancel_ends_the_run_with_the_hosts_own_exception(
    host: SimpleNamespace, nodes: dict[str, Any], batch: torch.Tensor
) -> None:
    host.stop_after = 1
    with pytest.raises(StoppedByUser):
        nodes["DensePoseVideo"]().execute(batch, resolution=0)
    host.stop_after = None
    assert len(nodes["DensePoseVideo"]().execute(batch[:1], resolution=0)[0]) == 1, "the next run works"


def test_a_copied_folder_without_the_product_says_what_to_do(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = importlib.import_module("integrations.comfyui.product")
    monkeypatch.setattr(product, "CLONE", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="link the folder instead of copying it, or `pip install` the clone"):
        product.package()
