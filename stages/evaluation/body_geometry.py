"""The body on which geodesic distances are measured: the open body, or DensePose's own body from the user's files."""

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


def open_geometry(folder: str, progress: Callable[[float], None] = no_progress) -> Geometry:
    """The geometry of a configured body.

    Args:
        folder: "" for the open body; else a folder with the reference evaluator's files (`SMPL_subdiv.mat`,
            `SMPL_SUBDIV_TRANSFORM.mat`, `Pdist_matrix.pkl`), or with `UV_Processed.mat` and one SMPL body file.
        progress: receives the share of the distances that is computed, where they are not in the cache yet.

    Raises: ModelError with the file that is missing, and why the project cannot include it.
    """
    if not folder:
        return open_body_geometry(progress=progress)
    place = user_path(folder)
    if (place / EVALUATOR).is_file() or not (place / ATLAS).is_file():
        return read_reference_geometry(place)
    bodies = sorted(path for path in place.iterdir() if path.suffix in BODIES)
    if len(bodies) != 1:
        raise ModelError(f"holds {len(bodies)} body files beside {ATLAS}", str(place), "put one SMPL body there")
    return mesh_geometry(read_smpl_mesh(place, bodies[0]), progress=progress)


@lru_cache(maxsize=2)
def geometry_of(folder: str) -> Geometry:
    """`open_body_or_own`, opened once for all stages of a process."""
    return open_geometry(folder)


def prepare_body(folder: str, stream: TextIO) -> None:
    """Compute distances that are not in the cache yet, and write the progress."""

    def write_progress(share: float) -> None:
        stream.write(f"\rdistances on the body, computed once and kept: {share:4.0%}" + ("\n" if share >= 1 else ""))
        stream.flush()

    open_geometry(folder, write_progress)
