"""The surface network's loss on crops of scenes, for several files of weights on the same crops.

    python -m tests.benchmarks.quality.surface_loss FOLDER WEIGHTS [WEIGHTS ...] [--batches N] [--shards N]

FOLDER is that of a run of `-c train_light_scratch`: its scenes are used, and its photos as backgrounds. Crops are those
of training, without real ones. Printed: the mean of person, part and UV loss over batches of 24. It separates weights
that AUC on 200 scenes does not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch

from models.light.architecture.weight_files import load_networks
from models.losses.light_surface import SurfaceLossConfig
from stages.training.data.photo_pool import PhotoPool
from stages.training.data.scene_pool import ScenePool
from stages.training.device import arithmetic
from stages.training.light.mixes import CropMix
from stages.training.light.surface_batches import SurfaceBatches, surface_loss

MIX = CropMix(
    real=0.0,
    rotated_any=0.1,
    roll_aligned=0.0,
    occluded_by_person=0.1,
    occluded_by_object=0.05,
    background=0.04,
    distant=0.0,
    video_degraded=0.2,
)
SEED = 77


def main() -> None:
    """Print one line for each file of weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--shards", type=int, default=None, help="of the scenes the first so many")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    photos = PhotoPool(sorted((options.folder / "photos").glob("*.npz")))
    scenes = ScenePool(sorted((options.folder / "scenes").glob("*.npz"))[: options.shards])
    batch_of = SurfaceBatches(photos, scenes, indices=range(24), seed=SEED, sides=(128, 160), mix=MIX)
    batches = [batch_of(step) for step in range(options.batches)]
    for path in options.weights:
        net = load_networks(path)[1].to(memory_format=torch.channels_last).eval()
        sums: dict[str, float] = {}
        for batch in batches:
            with torch.no_grad(), arithmetic("auto", torch.device("cpu")):
                terms = surface_loss(net, batch, weighting=SurfaceLossConfig(metric_uv=True, as_points=True))
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value) / len(batches)
        losses = "  ".join(f"{name} {value:.4f}" for name, value in sums.items())
        print(f"{path.name:24s} {losses}  all {sum(sums.values()):.4f}", flush=True)


if __name__ == "__main__":
    main()
