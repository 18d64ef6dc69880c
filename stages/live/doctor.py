"""Checks of the machine (video, networks, weights, cache): the stage of `run_pipeline.py doctor`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar, Literal

import av
import cv2
import torch

from models.cache import cached_file, cached_files
from models.engines.engine import has_bf16, has_int8
from models.errors import ModelError
from models.light.architecture.weight_paths import BUILT_IN
from models.network import NetworkConfig
from pipeline.stage import Job, Stage
from stages.live.srt import srt_reader
from stages.video.decoding.paths_and_urls import has_protocol

_ENCODERS = {"H.264": "libx264", "HEVC": "libx265", "VP9": "libvpx-vp9", "AV1": "libsvtav1", "ProRes": "prores_ks"}
_DECODERS = {"H.264": "h264", "HEVC": "hevc", "VP9": "vp9", "AV1": "libdav1d", "MPEG-4": "mpeg4", "MJPEG": "mjpeg"}
_PROTOCOLS = ("http", "https", "rtmp", "rtsp", "srt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Result of one check.

    Attributes:
        name, value: what was checked, and the result.
        fine: False if something is missing that the program can use.
        needed: True if the default run does not work without it.
        remedy: what to do if the check is not fine.
    """

    name: str
    value: str
    fine: bool = True
    needed: bool = False
    remedy: str = ""
    is_receipt: ClassVar[bool] = True


class Doctor(Stage):
    """A task without packets: checks the machine and yields what it finds."""

    def __call__(self, job: Job) -> Iterator[Fact]:
        """Yield facts on video, networks, weights and cache."""
        yield from _video()
        yield from _compute()
        yield _engines()
        yield _light_weights()
        yield _cache()


def _video() -> Iterator[Fact]:
    libraries = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items())
    yield Fact(name="PyAV", value=f"{av.__version__} ({libraries})")
    yield Fact(name="OpenCV", value=cv2.__version__)
    yield _codecs("encoders", _ENCODERS, "w")
    yield _codecs("decoders", _DECODERS, "r")
    yield from _live()


def _live() -> Iterator[Fact]:
    """Protocols and cameras of live runs."""
    reader = {name: "FFmpeg" if has_protocol(name) else None for name in _PROTOCOLS}
    reader["srt"] = srt_reader()
    there = [name if by == "FFmpeg" else f"{name} (by {by})" for name, by in reader.items() if by]
    absent = [name for name, by in reader.items() if not by]
    remedy = "install GStreamer to read SRT: gstreamer1.0-tools, gstreamer1.0-plugins-bad on Debian"
    yield Fact(
        name="protocols",
        value=", ".join(there) + (f"; missing: {', '.join(absent)}" if absent else ""),
        fine=not absent,
        remedy=remedy if absent == ["srt"] else "a PyAV built on a system FFmpeg may have them" if absent else "",
    )
    cameras = sorted(str(device) for device in Path("/dev").glob("video[0-9]*"))
    found = ", ".join(cameras) or ("none" if sys.platform == "linux" else "by number: 0, 1 …")
    yield Fact(name="cameras", value=f"{found} (by OpenCV)")
    virtual = importlib.util.find_spec("pyvirtualcam") is not None
    yield Fact(
        name="virtual cam.",
        value=f"pyvirtualcam {_version('pyvirtualcam')}" if virtual else "none: pip install pyvirtualcam",
    )


def _codecs(title: str, wanted: Mapping[str, str], mode: Literal["r", "w"]) -> Fact:
    missing = [name for name, codec in wanted.items() if not _has_codec(codec, mode)]
    return Fact(
        name=title,
        value=", ".join(name for name in wanted if name not in missing)
        + (f"; missing: {', '.join(missing)}" if missing else ""),
        fine=not missing,
        needed="H.264" in missing,
        remedy="reinstall PyAV from its wheel: pip install --force-reinstall av" if missing else "",
    )


def _compute() -> Iterator[Fact]:
    yield Fact(name="PyTorch", value=f"{torch.__version__}, torchvision {_version('torchvision')}")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        yield Fact(name="GPU", value=names)
    else:
        yield Fact(name="GPU", value="none, networks run on the CPU")
    formats = [name for name, has in (("bf16", has_bf16()), ("int8", has_int8())) if has]
    yield Fact(
        name="precision",
        value=f"{' and '.join(formats)} in hardware" if formats else "fp32 (this CPU has no bf16 or int8 arithmetic)",
    )


def _engines() -> Fact:
    found = {name: _version(name) for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name)}
    return Fact(
        name="engines",
        value=", ".join(["torch", *(f"{name} {number}" for name, number in found.items())]),
        fine="openvino" in found,
        remedy="" if "openvino" in found else "pip install openvino makes networks faster on CPUs",
    )


def _light_weights() -> Fact:
    cached = sorted(file.name for file in cached_files(NetworkConfig().cache) if file.suffix == ".pkl")
    value = "light built in" if BUILT_IN.is_file() else "the built-in light weights are missing"
    return Fact(
        name="weights",
        value=value + (f"; in the cache: {', '.join(cached)}" if cached else ""),
        fine=BUILT_IN.is_file(),
        needed=not BUILT_IN.is_file(),
        remedy="" if BUILT_IN.is_file() else "restore models/weights/light.safetensors from the repository",
    )


def _cache() -> Fact:
    """The folder for downloads and geodesic distances, which only `zoo:` weights and evaluation need."""
    try:
        place = cached_file(NetworkConfig().cache, "tried").parent
    except ModelError as error:
        return Fact(name="cache", value=f"none: {error}", fine=False, remedy="name a folder with network.cache")
    return Fact(name="cache", value=str(place))


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    try:
        av.codec.Codec(name, mode)
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
