"""Optical flow by torchvision's RAFT (Teed and Deng, ECCV 2020), for users who have a GPU and RAFT's weights."""

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
"""Sides of RAFT's images are multiples of `MULTIPLE` and at least `LEAST`, which its coarsest correlation needs."""
UPDATES = 12
BUILDERS = {32: raft_small, 64: raft_large}
"""The two sizes of RAFT, by the number of channels of their first layer."""
FIRST_LAYER = "feature_encoder.convnormrelu.0.weight"
REMEDY = "give torchvision's file of raft_small or raft_large (raft_small_C_T_V2-….pth), or set smooth.search to dis"
KEY = "smooth.raft_weights"


def read_raft(path: str) -> nn.Module:
    """Build the network from torchvision's file of weights. Raises ModelError if it is missing or another file."""
    if not path:
        raise ModelError("RAFT needs its weights", KEY, REMEDY)
    file = user_path(path)
    if not file.is_file():
        raise ModelError("this file of weights does not exist", f"{KEY}: {path}", REMEDY)
    try:
        tensors = read_torch_file(file)
        net = BUILDERS[len(tensors[FIRST_LAYER])](weights=None)
        net.load_state_dict(tensors)
    except Exception as error:  # torch raises errors of many types for other weights
        raise ModelError(f"not RAFT's weights ({type(error).__name__})", f"{KEY}: {path}", REMEDY) from error
    return net.eval()


class RaftSearch:
    """Flow from one grey image to another by RAFT, on a GPU if there is one."""

    def __init__(self, path: str, *, threads: int) -> None:
        """Raises ModelError as `read_raft`."""
        self.device = choose_device("auto")
        torch.set_num_threads(threads)
        self.net = read_raft(path).to(self.device)

    @torch.inference_mode()
    def __call__(self, here_hw: U8, there_hw: U8, initial_hw2: F32) -> F32:
        """The displacement of each pixel in x and y, (h, w, 2) float32; the initial flow is ignored."""
        height, width = here_hw.shape
        here, there = (self._as_input(one) for one in (here_hw, there_hw))
        flow_12hw = self.net(here, there, num_flow_updates=UPDATES)[-1][:, :, :height, :width]
        return np.ascontiguousarray(flow_12hw[0].permute(1, 2, 0).float().cpu().numpy())

    def _as_input(self, grey_hw: U8) -> torch.Tensor:
        """The image as (1, 3, H, W) from −1 to 1, its edge repeated right and below up to sides that RAFT takes."""
        below, right = (max(LEAST, -(-side // MULTIPLE) * MULTIPLE) - side for side in grey_hw.shape)
        padded_HW = np.pad(grey_hw, ((0, below), (0, right)), mode="edge")
        ready_HW = torch.from_numpy(padded_HW).to(self.device).float() / 127.5 - 1
        return ready_HW.expand(1, 3, -1, -1).contiguous()
