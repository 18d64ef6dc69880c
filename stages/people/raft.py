"""RAFT (Teed and Deng, ECCV 2020), torchvision's, as the search for flow: for a GPU, and for who has its weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torchvision.models.optical_flow import raft_large, raft_small

from models.cache import user_path
from models.checkpoints.torch_file import read_torch_file
from models.engines.device import choose_device
from models.errors import ModelError
from stages.payloads import F32, U8

MULTIPLE, LEAST = 8, 128
"""A picture's sides for RAFT: a multiple of the first, at least the second (its coarsest correlation needs them)."""
UPDATES = 12
NAMES = {32: raft_small, 64: raft_large}
"""The two sizes, by the channels of their first layer."""
FIRST = "feature_encoder.convnormrelu.0.weight"
REMEDY = "give torchvision's file of raft_small or raft_large (raft_small_C_T_V2-….pth), or smooth.search: dis"
KEY = "smooth.raft_weights"


def read_raft(path: str) -> nn.Module:
    """The network of a file of torchvision's weights. Raises: ModelError for a missing file or another one."""
    if not path:
        raise ModelError("RAFT wants its weights", KEY, REMEDY)
    file = user_path(path)
    if not file.is_file():
        raise ModelError("no such file of weights", f"{KEY}: {path}", REMEDY)
    try:
        tensors = read_torch_file(file)
        net = NAMES[len(tensors[FIRST])](weights=None)
        net.load_state_dict(tensors)
    except Exception as error:  # torch raises many kinds for weights of something else
        raise ModelError(f"not RAFT's weights ({type(error).__name__})", f"{KEY}: {path}", REMEDY) from error
    return net.eval()


class RaftSearch:
    """Flow from one grey picture to another by RAFT, on a GPU where there is one."""

    def __init__(self, path: str, *, threads: int) -> None:
        """Raises: ModelError as `read_raft`."""
        self.device = choose_device("auto")
        torch.set_num_threads(threads)
        self.net = read_raft(path).to(self.device)

    @torch.inference_mode()
    def __call__(self, here_hw: U8, there_hw: U8, guess_hw2: F32) -> F32:
        """(h, w, 2) float32: in x and y, pixels to where each of the one's pixels is in the other; needs no guess."""
        height, width = here_hw.shape
        here, there = (self._ready(one) for one in (here_hw, there_hw))
        way_12hw = self.net(here, there, num_flow_updates=UPDATES)[-1][:, :, :height, :width]
        return np.ascontiguousarray(way_12hw[0].permute(1, 2, 0).float().cpu().numpy())

    def _ready(self, grey_hw: U8) -> torch.Tensor:
        """(1, 3, H, W) of −1..1, its edge continued to the right and below to sides that RAFT takes."""
        below, right = (max(LEAST, -(-side // MULTIPLE) * MULTIPLE) - side for side in grey_hw.shape)
        padded_HW = np.pad(grey_hw, ((0, below), (0, right)), mode="edge")
        ready_HW = torch.from_numpy(padded_HW).to(self.device).float() / 127.5 - 1
        return ready_HW.expand(1, 3, -1, -1).contiguous()
