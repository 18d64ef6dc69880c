"""RAFT as the flow search: its result is torchvision's, and files that hold other weights are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_small

from models.errors import ModelError
from pipeline.configuration.config import load_config
from pipeline.configuration.plan import GB, Machine, make_plan
from stages import STAGES
from stages.people.optical_flow import CellGrid, PersonFlow
from stages.people.raft import UPDATES, RaftSearch
from stages.people.smooth import Smooth

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained network: its output is no flow, but can be compared."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def pictures(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rough = np.random.default_rng(0).integers(0, 256, (height // 4 + 2, width // 4 + 2)).astype(np.uint8)
    wide = cv2.resize(rough, (width + 8, height + 8), interpolation=cv2.INTER_CUBIC)
    return wide[:height, :width].copy(), wide[3 : 3 + height, 2 : 2 + width].copy()


def test_the_flow_equals_torchvisions_on_padded_images(weights: Path) -> None:
    here, there = pictures(130, 61)
    flow = RaftSearch(str(weights), threads=1)(here, there, np.zeros((130, 61, 2), np.float32))
    assert flow.shape == (130, 61, 2) and flow.dtype == np.float32
    net = raft_small(weights=None).eval()
    net.load_state_dict(torch.load(weights, weights_only=True))
    wide = [cv2.copyMakeBorder(one, 0, 6, 0, 67, cv2.BORDER_REPLICATE) for one in (here, there)]
    ready = [torch.from_numpy(one).float().expand(1, 3, -1, -1) / 127.5 - 1 for one in wide]
    with torch.inference_mode():
        wanted = net(*ready, num_flow_updates=UPDATES)[-1][0, :, :130, :61].permute(1, 2, 0).numpy()
    assert np.abs(flow - wanted).max() < 1e-4
    assert np.abs(flow).max() > 0.01


def test_the_given_search_is_used() -> None:
    """A search that returns a known flow: 2 pixels to the left, 3 up."""
    here, there = pictures(100, 90)
    cells = CellGrid(x0=20, y0=10, height=70, width=50)
    flow = PersonFlow(lambda one, *_: np.full((*one.shape, 2), (-2, -3), np.float32)).compute(here, there, cells, cells)
    assert flow is not None
    assert np.allclose(flow.x_hw - np.arange(50), -2) and np.allclose(flow.y_hw.T - np.arange(70), -3)
    assert flow.trust_hw.mean() > 0.99, "the pictures do move so"


def test_other_files_are_refused(weights: Path, tmp_path: Path) -> None:
    other, broken = tmp_path / "other.pth", tmp_path / "broken.pth"
    torch.save({"a": torch.zeros(1)}, other)
    broken.write_bytes(weights.read_bytes()[:1000])
    complaints = {"": "needs its weights", str(tmp_path / "no"): "does not exist", str(other): "not RAFT's"}
    for path, complaint in complaints.items():
        with pytest.raises(ModelError, match=f"smooth.raft_weights.*{complaint}"):
            Smooth(Smooth.Config(search="raft", raft_weights=path))
    with pytest.raises(ModelError, match="not RAFT's weights"):
        RaftSearch(str(broken), threads=1)


def test_only_raft_reserves_a_share_of_the_gpu() -> None:
    machine = Machine(cpus=8, gpus=1, memory=32 * GB)
    for changes, out in (
        ((), 0.0),
        (("smooth.search=raft",), 1.0),  # the light network runs on the CPU
        (("smooth.search=raft", "network.kind=zoo"), 0.5),
        (("smooth.search=raft", "smooth.kind=none"), 0.0),
    ):
        config = load_config("video", changes, STAGES)
        lanes = make_plan(config.graph, config.settings, machine).lanes
        assert next(lane.gpus for lane in lanes if lane.name == "out") == out
        assert sum(lane.gpus * lane.replicas for lane in lanes) <= 1
