"""From a photo to an IUV image with the two ONNX files of the light network, by NumPy and ONNX Runtime alone.

    python run_pipeline.py -c export_onnx --set export_onnx.folder=DIR      # once, in this project: writes the files
    python onnx_photo.py DIR photo.png photo_iuv.png                        # anywhere

The photo is a PNG of 8 bits (`ffmpeg -i photo.jpg photo.png` makes one). The result holds V, U and chart of each pixel
as bytes; OpenCV, which reads blue first, gives chart, U, V. Each person is predicted once, which is the plain way.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import onnxruntime

GREY = 114  # of padding
LONG_SIDES = 384, 576  # the longer side of the detector's input, at least and at most; 384, 512 for detector: open
COARSE = 384  # the longer side of a second, smaller input; None for detector: open
SMALL, TALL = 0.2, 0.4  # sizes of boxes that count in the first input alone, and in the second alone
OFFSET = -0.3  # of the detector's logits, which makes its scores comparable; 0 for detector: open
STRIDES = 8, 16, 32  # of the detector's locations, in the order of its rows
MIN_SCORE, SAME_BOX, SIGMA = 0.025, 0.7, 0.3
SHARED = 0.5  # a silhouette of which more than this part lies on a better one is the same person again
CROP, MARGIN, MIN_ASPECT = 160, 1.15, 0.5
FIT = 0.7  # how far a box moves to the bounds of the surface that was found in it


def logistic(x):
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def area_or_linear(given: int, wanted: int):
    """The matrix (wanted, given) that resizes an axis: mean over pixels where it shrinks, else linear."""
    scale = given / wanted
    if scale > 1:
        low = np.arange(wanted)[:, None] * scale
        inside = np.minimum(low + scale, np.arange(given) + 1) - np.maximum(low, np.arange(given))
        return np.clip(inside, 0, None) / scale
    at = (np.arange(wanted) + 0.5) * scale - 0.5
    return linear(at, given)


def linear(at, given: int):
    """The matrix (K, given) that reads an axis at positions in cells; outside of it its ends continue."""
    return np.clip(1 - np.abs(np.clip(at, 0, given - 1)[:, None] - np.arange(given)), 0, None)


def resized(rgb_hw3, height: int, width: int):
    rows, columns = area_or_linear(rgb_hw3.shape[0], height), area_or_linear(rgb_hw3.shape[1], width)
    return np.rint(np.einsum("ij,jkc,lk->ilc", rows, rgb_hw3.astype(np.float64), columns, optimize=True))


def planes_first(picture_hwc):
    return np.ascontiguousarray(picture_hwc.transpose(2, 0, 1)[None], np.float32)


def detected(detector, rgb_hw3):
    """Boxes x0, y0, x1, y1 in pixels, and scores, best first."""
    long_side = max(rgb_hw3.shape[:2])
    fine = np.clip(long_side, *LONG_SIDES)
    box, score = candidates(detector, rgb_hw3, fine)
    if COARSE is not None and fine > COARSE:
        coarse_box, coarse_score = candidates(detector, rgb_hw3, COARSE)
        share = np.concatenate([2 - 2 * largeness(box, long_side), 2 * largeness(coarse_box, long_side)])
        box, score = np.concatenate([box, coarse_box]), np.concatenate([score, coarse_score])
        share = np.minimum(share, 1)
        score = share * score / (1 - score + share * score)
    best = np.argsort(-score, kind="stable")[:1000]
    best = best[score[best] > MIN_SCORE]
    return box[best], score[best]


def largeness(box, long_side: int):
    """0 for boxes up to SMALL, 1 from TALL on, by the logarithm of their size: the root of the area."""
    size = np.sqrt((box[:, 2:] - box[:, :2]).prod(1)) / long_side
    return np.clip(np.log(size / SMALL) / np.log(TALL / SMALL), 0, 1)


def candidates(detector, rgb_hw3, side: int):
    """Boxes and scores by one input whose longer side has `side` pixels."""
    height, width = rgb_hw3.shape[:2]
    scale = side / max(height, width)
    h, w = max(round(height * scale), 1), max(round(width * scale), 1)
    canvas = np.full((-(-h // 32) * 32, -(-w // 32) * 32, 3), GREY, np.float64)
    canvas[:h, :w] = resized(rgb_hw3, h, w)
    rows = detector.run(None, {"rgb": planes_first(canvas)})[0][0]
    centres, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: canvas.shape[0] // stride, : canvas.shape[1] // stride]
        centres.append((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full((len(centres[-1]), 1), stride))
    centre, stride = np.concatenate(centres), np.concatenate(strides)
    score = logistic(rows[:, 0] + OFFSET)
    reach = np.exp(np.clip(rows[:, 1:], -4, 5)) * stride
    box = np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], 1) * ([width / w, height / h] * 2)
    box = np.clip(box, 0, [width, height] * 2)
    good = (score > MIN_SCORE) & ((box[:, 2:] - box[:, :2]) >= 1).all(1)
    return box[good], score[good]


def overlap(box, others):
    """IoU of a box with others."""
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    both = np.clip(size, 0, None).prod(1)
    return both / ((box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - both)


def kept(box, score):
    """Indices of the boxes that are people, best first, and their lowered scores: NMS, then soft-NMS (Gaussian)."""
    best, rest = [], np.argsort(-score, kind="stable")
    while len(rest):
        best.append(rest[0])
        rest = rest[1:][overlap(box[rest[0]], box[rest[1:]]) <= SAME_BOX]
    left, lowered, order = best, score.copy(), []
    while left:
        first = max(left, key=lambda i: lowered[i])
        if lowered[first] < MIN_SCORE:
            break
        order.append(first)
        left = [i for i in left if i != first]
        lowered[left] *= np.exp(-(overlap(box[first], box[left]) ** 2) / SIGMA)
    return order, lowered[order]


def crop(rgb_hw3, box):
    """The square crop of a box with a margin, and the region of the photo that it shows; outside it is grey."""
    size = (box[2:] - box[:2]) * MARGIN
    half = np.maximum(np.maximum(size, MIN_ASPECT * size.max()), 1) / 2
    centre = (box[:2] + box[2:]) / 2
    x0, y0 = np.floor(centre - half).astype(int)
    x1, y1 = np.ceil(centre + half).astype(int)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    x1, y1 = x1 + (x1 - x0) % 2, y1 + (y1 - y0) % 2
    part = np.full((y1 - y0, x1 - x0, 3), GREY, np.float64)
    height, width = rgb_hw3.shape[:2]
    top, left, low, right = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)
    part[top - y0 : low - y0, left - x0 : right - x0] = rgb_hw3[top:low, left:right]
    return resized(part, CROP, CROP), np.array([x0, y0, x1, y1], np.float64)


def others_plane(region, box, score):
    """255 times the score of other people's boxes, at the pixels of the crop that they cover; the largest counts."""
    plane = np.zeros((CROP, CROP))
    for one, value in sorted(zip(box, score, strict=True), key=lambda pair: pair[1]):
        low = (one[:2] - region[:2]) / (region[2:] - region[:2]) * CROP
        high = (one[2:] - region[:2]) / (region[2:] - region[:2]) * CROP
        left, top, right, bottom = np.clip(np.rint([*low, *high]), 0, CROP).astype(int)
        plane[top:bottom, left:right] = np.rint(255 * value)
    return plane


def seen(surface, rgb_hw3, box, others, other_scores):
    """The maps (5, 80, 80) of the person in a box, and the region that they cover."""
    rgb, region = crop(rgb_hw3, box)
    planes = surface.get_inputs()[0].shape[1]
    picture = np.zeros((CROP, CROP, planes))
    picture[..., :3] = rgb
    if planes > 3:  # the fifth plane, silhouettes of the others, stays empty in a first pass
        picture[..., 3] = others_plane(region, others, other_scores)
    return surface.run(None, {"rgb": planes_first(picture)})[0][0][:5], region


def pixels(maps, region, box, height: int, width: int):
    """IUV (h, w, 3) of the pixels in a box, its confidence, and its upper left pixel. Chart 0 is not the person."""
    margin = (MARGIN - 1) / 2 * (box[2:] - box[:2])
    x0, y0 = np.floor(np.clip(box[:2] - margin, 0, None)).astype(int)
    x1, y1 = np.ceil(np.minimum(box[2:] + margin, [width, height])).astype(int)
    cells = maps.shape[-1]
    x = (np.arange(x0, x1) + 0.5 - region[0]) * cells / (region[2] - region[0]) - 0.5
    y = (np.arange(y0, y1) + 0.5 - region[1]) * cells / (region[3] - region[1]) - 0.5
    across, down = linear(x, cells), linear(y, cells)
    near = np.ix_(np.clip(np.rint(y), 0, cells - 1).astype(int), np.clip(np.rint(x), 0, cells - 1).astype(int))
    logit, chart, u, v, share = maps
    person = logistic(logit)
    sure = np.where(logit > 0, person * share, 1 - person)
    chart_hw, iuv = chart[near], np.zeros((len(y), len(x), 3), np.uint8)
    for channel, plane in ((1, u), (2, v)):
        plane = np.clip(0.5 + (plane - 0.5) * (1 + 0.1 * (1 - sure)), 0, 1)  # unsure values are too near to the middle
        weight = sum((down @ (chart == c) @ across.T) * (chart_hw == c) for c in np.unique(chart_hw))
        value = sum((down @ (plane * (chart == c)) @ across.T) * (chart_hw == c) for c in np.unique(chart_hw))
        iuv[..., channel] = np.rint(255 * np.where(weight > 0, value / np.maximum(weight, 1e-9), plane[near]))
    iuv[..., 0] = chart_hw
    iuv[down @ logit @ across.T <= 0] = 0
    return iuv, down @ sure @ across.T, (x0, y0)


def fitted(box, iuv, corner):
    """The box moved to the bounds of the person's pixels."""
    rows, columns = (np.flatnonzero((iuv[..., 0] > 0).any(axis)) for axis in (1, 0))
    if not len(rows):
        return box
    bounds = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    return box + FIT * (np.add(bounds, corner * 2) - box)


def distinct(people, order):
    """The indices in `order`, best first, without people who are a better one found again."""
    pixel_sets = {i: pixel_numbers(*people[i]) for i in order}
    found = []
    for i in order:
        if all(
            len(pixel_sets[i] & pixel_sets[one]) <= SHARED * len(pixel_sets[i])
            for one in found
        ):
            found.append(i)
    return found


def pixel_numbers(iuv, corner):
    """The person's pixels in the photo."""
    rows, columns = np.nonzero(iuv[..., 0])
    return set(zip(rows + corner[1], columns + corner[0], strict=True))


def iuv_image(folder: Path, rgb_hw3):
    """Chart, U and V of every pixel of a photo (H, W, 3) of bytes, as bytes (H, W, 3)."""
    detector, surface = (
        onnxruntime.InferenceSession(str(folder / f"light_{part}.onnx"), providers=["CPUExecutionProvider"])
        for part in ("detector", "surface")
    )
    box, score = detected(detector, rgb_hw3)
    order, _ = kept(box, score)
    box, score = box[order], score[order]
    people, boxes, scores = [], [], []
    for i in range(len(box)):
        other = np.flatnonzero(~((overlap(box[i], box) > 0.5) & (score < score[i])) & (np.arange(len(box)) != i))
        maps, region = seen(surface, rgb_hw3, box[i], box[other], score[other])
        iuv, sure, corner = pixels(maps, region, box[i], *rgb_hw3.shape[:2])
        shown = iuv[..., 0] > 0
        people.append((iuv, corner))
        boxes.append(fitted(box[i], iuv, corner))
        scores.append(score[i] * np.sqrt(sure[shown].mean() if shown.any() else 0))
    image = np.zeros_like(rgb_hw3)
    if people:
        order, _ = kept(np.array(boxes), np.array(scores))
        shown = distinct(people, order)
        for i in sorted(shown, key=lambda one: boxes[one][3]):  # who stands lower in the photo is nearer
            iuv, (x0, y0) = people[i]
            window = image[y0 : y0 + iuv.shape[0], x0 : x0 + iuv.shape[1]]
            window[iuv[..., 0] > 0] = iuv[iuv[..., 0] > 0]
    return image


def read_png(path: str):
    """A PNG of 8 bits, grey or coloured, not interlaced, as RGB bytes (H, W, 3)."""
    data = Path(path).read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise SystemExit(f"{path}: no PNG; `ffmpeg -i photo.jpg photo.png` makes one")
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, at + 8)
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(colour)
    if depth != 8 or channels is None or interlaced:
        raise SystemExit(f"{path}: not a plain PNG of 8 bits; `ffmpeg -i IN.png -pix_fmt rgb24 OUT.png` makes one")
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    rows = [np.zeros(width * channels, np.uint8)]
    for line in lines:
        rows.append(unfiltered(line[0], line[1:], rows[-1], channels))
    image = np.array(rows[1:]).reshape(height, width, channels)
    return np.repeat(image[..., :1], 3, 2) if channels < 3 else image[..., :3]


def unfiltered(kind: int, line, above, step: int):
    """The bytes of a row of a PNG without its filter (PNG specification, 9.2); `step` bytes are a pixel."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line.reshape(-1, step), 0, dtype=np.uint8).reshape(-1)
    if kind == 2:
        return line + above
    made, up, corner = [0] * step + line.tolist(), above.tolist(), [0] * step + above.tolist()
    for x in range(len(line)):
        a, b, c = made[x], up[x], corner[x]
        if kind == 3:
            guess = (a + b) // 2
        else:
            far = abs(b - c), abs(a - c), abs(a + b - 2 * c)
            guess = (a, b, c)[far.index(min(far))]
        made[x + step] = (made[x + step] + guess) & 255
    return np.array(made[step:], np.uint8)


def write_png(path: str, rgb_hw3) -> None:
    """Write bytes (H, W, 3) as a PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = rgb_hw3.shape[:2]
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rgb_hw3.reshape(height, -1)], 1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines.tobytes())) + chunk(b"IEND", b"")
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def main() -> None:
    """The command line."""
    if len(sys.argv) != 4:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER PHOTO.png IUV.png")
    folder, photo, result = sys.argv[1:]
    iuv_hw3 = iuv_image(Path(folder), read_png(photo))
    write_png(result, iuv_hw3[..., ::-1])
    print(f"{result}: {np.mean(iuv_hw3[..., 0] > 0):.0%} of the pixels are people")


if __name__ == "__main__":
    main()
