"""Checks of a network's settings before it is opened.

Importing torch and SciPy takes long: torch is imported only to find a GPU, SciPy only to read a body.
"""

from __future__ import annotations

import os
from pathlib import Path

from models.cache import user_path
from models.checkpoints.trained_info import read_trained_info
from models.checkpoints.zoo import ZOO, unknown_name
from models.engines.engine import cpu_engine
from models.errors import ModelError
from models.files.safetensors_file import read_names
from models.light.architecture.sizes import read_sizes
from models.light.architecture.weight_paths import REMEDY, weights_path
from models.nearest_name import suggest_name
from models.network import NetworkConfig
from models.variant import MESHES

DOWNLOADED = "zoo:"
PICKLES = {".pkl": (b"\x80",), ".pth": (b"PK", b"\x80"), ".pt": (b"PK", b"\x80")}
"""Suffixes of pickled weights, and how such files begin: a pickle of protocol 2 or later, or a ZIP that holds one."""
LIGHT_COMPONENTS = ("detector.", "surface.")
WRONG_FILE = "name a weights file with --weights (network.weights)"


def check_network(config: NetworkConfig) -> None:
    """Check that the weights can be those of the configured network, and that its device is there.

    Only names and beginnings of files are read: what else is wrong with them shows when the network is opened.

    Raises: ModelError.
    """
    if config.kind == "light":
        _check_light(config)
    elif config.weights == "light":
        whose = "zoo" if config.kind == "zoo" else "trained"
        raise ModelError(f"a {whose} network has no built-in weights", "network.weights", "give --weights FILE")
    elif config.kind == "trained":
        _check_trained(config)
    elif config.weights.startswith(DOWNLOADED):
        if (name := config.weights.removeprefix(DOWNLOADED)) not in ZOO:
            raise unknown_name(name)
    else:
        check_weights_file(user_path(config.weights))
    if config.body:
        from models.surface.vertex_charts import read_vertex_charts  # it imports SciPy, whose import takes long

        read_vertex_charts(user_path(config.body), MESHES[config.variant.mesh])
    if config.device == "cuda":
        from models.engines.device import choose_device

        choose_device("cuda")


def configuration_of(published: str) -> str:
    """Name of the configuration for published weights: `zoo_r101_dl` for `densepose_rcnn_R_101_FPN_DL_s1x`."""
    folder, _, name = published.rpartition("/")
    _, depth, *rest = name.removeprefix("densepose_rcnn_").replace("_FPN", "").split("_")
    first = ["zoo", *([folder] if folder else []), f"r{depth}"]
    return "_".join([*first, *([part.lower() for part in rest if part != "s1x"] or ["s1x"])])


def _check_light(config: NetworkConfig) -> None:
    engine = cpu_engine(config.engine)
    if config.precision == "int8" and engine != "openvino":
        raise ModelError("8-bit graphs run only in OpenVINO", "network.precision", "use engine: openvino")
    if config.weights == "light":
        return
    path = weights_path(config.weights)
    _require_file(path, config.weights)
    published = next((entry.name for entry in ZOO.values() if entry.file_name == path.name), None)
    if published is not None:
        what = "these are weights of a published network, not of the light one"
        raise ModelError(what, str(path), f"add -c {configuration_of(published)}")
    try:
        names = read_names(path)
    except ValueError as error:
        raise ModelError(f"not a safetensors file ({error})", str(path), WRONG_FILE) from error
    if all(any(name.startswith(prefix) for name in names) for prefix in LIGHT_COMPONENTS):
        read_sizes(path)
        return
    try:
        kind = read_trained_info(path).kind
    except ModelError as error:
        raise ModelError("these are no weights of the light network", str(path), REMEDY) from error
    what = f"these weights are of a trained network of kind '{kind}', not of the light one"
    raise ModelError(what, str(path), "add --set network.kind=trained")


def _check_trained(config: NetworkConfig) -> None:
    path = user_path(config.weights)
    _require_file(path, config.weights)
    kind = read_trained_info(path).kind
    if kind != "rcnn" and config.device == "cuda":
        what = f"a trained network of kind '{kind}' runs on the CPU alone"
        raise ModelError(what, "network.device", "use auto or cpu")


def check_weights_file(path: Path, *, light: bool = False) -> None:
    """Raise ModelError for a path that is no file of weights of a published network, or of one like it.

    Args: light: weights of the light network are right, too.
    """
    _require_file(path, str(path))
    if path.suffix == ".safetensors":
        try:
            names = read_names(path)
        except ValueError as error:
            raise ModelError(f"not readable as weights: {error}", str(path), "download it again") from error
        if not light and any(name.startswith(LIGHT_COMPONENTS) for name in names):
            remedy = "leave network.kind and -c zoo_… out"
            raise ModelError("these are weights of the light network, not of a published one", str(path), remedy)
    elif path.suffix in PICKLES:
        with path.open("rb") as file:
            if not file.read(2).startswith(PICKLES[path.suffix]):
                raise ModelError(f"not readable as weights: no {path.suffix} file", str(path), WRONG_FILE)
    else:
        kinds = ", ".join((*PICKLES, ".safetensors"))
        raise ModelError("unknown kind of weights file", str(path), f"give one of {kinds}")


def _require_file(path: Path, given: str) -> None:
    """Raise ModelError unless the path is a file that can be read; a name that is none is compared with known ones."""
    if path.is_dir():
        raise ModelError("is a folder, not a weights file", str(path), WRONG_FILE)
    if path.is_file():
        if not os.access(path, os.R_OK):
            raise ModelError("this weights file cannot be read (permission denied)", str(path), WRONG_FILE)
        return
    known = ["light", *(DOWNLOADED + name for name in ZOO)]
    remedy = suggest_name(given, known, "check the name and the current folder")
    raise ModelError("there is no such weights file", str(path), remedy)
