"""The body on which geodesic distances are measured: the open body, or DensePose's body from the user's files."""

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
            `SMPL_SUBDIV_TRANSFORM.mat`, `Pdist_matrix.pkl`, `geodists_smpl_27554.pkl`; one of the last two suffices),
            or with `UV_Processed.mat` and one SMPL body file.
        progress: is called with the share of the distances computed so far; not called if the cache has them.

    Raises: ModelError that names a missing file, and says why the project cannot include it.
    """
    if not folder:
        return open_body_geometry(progress=progress)
    path = user_path(folder)
    if (path / EVALUATOR).is_file() or not (path / ATLAS).is_file():
        return read_reference_geometry(path)
    bodies = sorted(file for file in path.iterdir() if file.suffix in BODIES)
    if len(bodies) != 1:
        raise ModelError(f"has {len(bodies)} body files beside {ATLAS}", str(path), "put one SMPL body there")
    return mesh_geometry(read_smpl_mesh(path, bodies[0]), progress=progress)


@lru_cache(maxsize=2)
def geometry_of(folder: str) -> Geometry:
    """`open_geometry`, opened once for all stages of a process."""
    return open_geometry(folder)


def prepare_body(folder: str, stream: TextIO) -> None:
    """Compute the distances that the cache does not have, and write the progress to a stream."""

    def write_progress(share: float) -> None:
        stream.write(f"\rdistances on the body, computed once and kept: {share:4.0%}" + ("\n" if share >= 1 else ""))
        stream.flush()

    open_geometry(folder, write_progress)
