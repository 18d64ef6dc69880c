"""Tone mapping of HDR to SDR: one fixed curve, computed here and applied by FFmpeg as a 3D look-up table.

PQ (SMPTE ST 2084) and HLG (ARIB STD-B67, BT.2100) are converted to light on a 1000 cd/m² display, then to BT.709
primaries. The light is compressed so that reference white (203 cd/m², BT.2408) stays bright, and coded for a BT.1886
display.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from models.arrays import F64
from stages.video.decoding.color_conversion import ColorTags, is_full_range, scaler_matrix

PQ, HLG = 16, 18
BT2020_PRIMARIES = 9
BT709 = 1
HDR_NAMES = {PQ: "PQ", HLG: "HLG"}

SDR_TAGS = ColorTags(primaries=BT709, trc=BT709, matrix=BT709)
"""Colour tags of tone-mapped video."""

REFERENCE_WHITE_NITS = 203.0
PEAK_NITS = 1000.0
KNEE = 0.5
"""Light up to this fraction of reference white is not compressed."""
DISPLAY_GAMMA = 2.4
CUBE_SIZE = 33
MID_FORMAT = "gbrp12le"

BT2020_TO_BT709_33 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
"""For linear light, BT.2087-0."""
LUMA_2020_3 = np.array([0.2627, 0.6780, 0.0593])


def is_hdr(trc: int) -> bool:
    """True for the transfer characteristics (H.273) of HDR video."""
    return trc in HDR_NAMES


def pq_nits(code: F64) -> F64:
    """ST 2084 EOTF: 0..1 code values to cd/m²."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.power(code, 1 / m2)
    result: F64 = 10_000 * np.power(np.maximum(power - c1, 0) / (c2 - c3 * power), 1 / m1)
    return result


def hlg_nits(code_N3: F64) -> F64:
    """BT.2100 HLG EOTF for a 1000 cd/m² display (system gamma 1.2): (…,3) code values to cd/m²."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code_N3 <= 0.5, code_N3**2 / 3, (np.exp((code_N3 - c) / a) + b) / 12)
    luma = (scene @ LUMA_2020_3)[..., None]
    result: F64 = PEAK_NITS * np.power(np.maximum(luma, 1e-9), 0.2) * scene
    return result


def compress(light: F64) -> F64:
    """Möbius curve: the identity up to KNEE, then smooth up to 1 at peak light. Input in units of reference white."""
    peak = PEAK_NITS / REFERENCE_WHITE_NITS
    a = -(KNEE**2) * (peak - 1) / (KNEE**2 - 2 * KNEE + peak)
    b = (KNEE**2 - 2 * KNEE * peak + peak) / (peak - 1)
    curved = (b**2 + 2 * b * KNEE + KNEE**2) / (b - a) * (light + a) / (light + b)
    return np.where(light <= KNEE, light, np.minimum(curved, 1.0))


def sdr_code(code_N3: F64, trc: int, primaries: int) -> F64:
    """SDR R'G'B' 0..1 of HDR R'G'B' 0..1, both (…,3)."""
    nits = pq_nits(code_N3) if trc == PQ else hlg_nits(code_N3)
    light = nits / REFERENCE_WHITE_NITS
    if primaries == BT2020_PRIMARIES:
        light = light @ BT2020_TO_BT709_33.T
    light = np.maximum(light, 0)
    strongest = light.max(axis=-1, keepdims=True)
    light = light * compress(strongest) / np.maximum(strongest, 1e-9)
    result: F64 = np.power(np.clip(light, 0, 1), 1 / DISPLAY_GAMMA)
    return result


def cube_text(trc: int, primaries: int) -> str:
    """The tone curve as a 3D look-up table in the .cube format (red fastest)."""
    axis = np.linspace(0, 1, CUBE_SIZE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = sdr_code(np.stack([red, green, blue], axis=-1).reshape(-1, 3), trc, primaries)
    rows = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in table)
    return f"LUT_3D_SIZE {CUBE_SIZE}\n{rows}\n"


class ToneMap:
    """Converts frames of one HDR stream to SDR RGB frames of the same size."""

    def __init__(self, trc: int, primaries: int) -> None:
        self._cube = cube_text(trc, primaries)
        self._reformatter = VideoReformatter()
        self._graph: av.filter.Graph | None = None
        self._size = (0, 0)

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The same frame in SDR, BT.709."""
        rgb = self._reformatter.reformat(
            frame,
            format=MID_FORMAT,
            src_colorspace=scaler_matrix(int(frame.colorspace), frame.height),
            src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        )
        if self._graph is None or self._size != (rgb.width, rgb.height):
            self._graph = _cube_graph(rgb, self._cube)
            self._size = (rgb.width, rgb.height)
        rgb.pts = None
        self._graph.push(rgb)
        result = self._graph.pull()
        assert isinstance(result, av.VideoFrame)
        result.color_range, result.color_primaries, result.color_trc = ColorRange.JPEG, BT709, BT709
        return result


def _cube_graph(frame: av.VideoFrame, cube: str) -> av.filter.Graph:
    """A filter graph with FFmpeg's lut3d, which reads its table from a file during configuration only."""
    graph = av.filter.Graph()
    with tempfile.TemporaryDirectory(prefix="tone_map_") as folder:
        path = Path(folder) / "curve.cube"
        path.write_text(cube)
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
        )
        work = graph.add("lut3d", file=str(path), interp="tetrahedral")
        sink = graph.add("buffersink")
        source.link_to(work)
        work.link_to(sink)
        graph.configure()
    return graph
