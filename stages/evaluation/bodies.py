"""The body on which distances are measured: the open one, or DensePose's own from files that a user has."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TextIO

from models.cache import user_path
from models.errors import ModelError
from models.surface.geodesics import no_progress
from models.surface.geometry import Geometry, mesh_geometry, open_body_geometry
from models.surface.smpl_files import read_reference_geometry, read_smpl_mesh

BODIES = (".npz", ".pkl", ".obj")
ATLAS = "UV_Processed.mat"
EVALUATOR = "SMPL_subdiv.mat"


def open_body_or_own(folder: str, told: Callable[[float], None] = no_progress) -> Geometry:
    """The body of a configuration.

    Args:
        folder: "" for the open body; else a folder with the reference evaluator's files (`SMPL_subdiv.mat`,
            `SMPL_SUBDIV_TRANSFORM.mat`, `Pdist_matrix.pkl`), or with `UV_Processed.mat` and one SMPL body file.
        told: hears which share of the distances is computed, where they are not in the cache yet.

    Raises: ModelError naming what is missing, and why it is not ours to ship.
    """
    if not folder:
        return open_body_geometry(progress=told)
    place = user_path(folder)
    if (place / EVALUATOR).is_file() or not (place / ATLAS).is_file():
        return read_reference_geometry(place)
    bodies = sorted(path for path in place.iterdir() if path.suffix in BODIES)
    if len(bodies) != 1:
        raise ModelError(f"holds {len(bodies)} body files beside {ATLAS}", str(place), "put one SMPL body there")
    return mesh_geometry(read_smpl_mesh(place, bodies[0]), progress=told)


@lru_cache(maxsize=2)
def body_of(folder: str) -> Geometry:
    """`open_body_or_own`, opened once for all stages of a process."""
    return open_body_or_own(folder)


def prepare_body(folder: str, stream: TextIO) -> None:
    """Compute distances that are not in the cache yet, saying so, and how far it is."""

    def told(share: float) -> None:
        stream.write(f"\rdistances on the body, computed once and kept: {share:4.0%}" + ("\n" if share >= 1 else ""))
        stream.flush()

    open_body_or_own(folder, told)
