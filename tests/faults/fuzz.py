"""Damaged files of every kind that the product reads: `python -m tests.faults.fuzz --cases 5000 [--seed N]`.

Files of each kind are made here, damaged at random (bits, blocks, lengths, values), and given to the code that reads
them, in forked processes so that a crash ends one case and not the run. A case passes when it is read, or refused
by a plain error. What does not pass is printed with its number; `--case N` runs it again alone and shows the traceback.
A case hangs when it takes more than 10 s of its own CPU, or waits for two minutes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pickle
import random
import select
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from models.checkpoints.checkpoint import load_checkpoint
from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import load_trained, write_trained
from models.light.architecture.sizes import DetectorSizes, LightSizes
from models.light.architecture.weight_files import load_networks, write_weights
from models.surface.atlas_file import load_atlas
from models.surface.smpl_files import _read_vertices as read_vertices
from models.variant import Variant
from pipeline.configuration.config import load_config
from pipeline.packet import Commit
from pipeline.recovery.journal import Journal
from pipeline.stage import Job, is_plain
from stages import STAGES
from stages.annotations.coco_people import read_people
from stages.annotations.densepose_coco import read_dense_set
from stages.drawing.render import Render
from stages.payloads import People, SegmentWritten, VideoInfo
from stages.results.formats.iuv_reading import people_of_iuv, read_inds
from stages.results.formats.npz import frame_files, read_stream
from stages.results.formats.npz import read_frame as read_export_frame
from stages.results.formats.numbered_results import ResultList
from stages.results.replay import packet_of
from stages.results.shard_file import ShardReader, ShardWriter
from stages.training.checkpoint import read_checkpoint as read_training
from stages.video.decode import Decode
from stages.video.decoding import heif
from stages.video.decoding.still_images import read_still
from stages.video.encoding.resume_info import video_info_to_json

CPU_S, WAIT_S, BATCH = 10, 120, 25
FRAMES = 40
"""A damaged header may promise endless frames; so many are read."""
ODD_VALUES = (None, -1, 0, 1e308, -0.5, "", "x", "../..", [], {}, [[]], {"a": 1}, True, 2**63)


def media(folder: Path) -> list[Path]:
    """A short film in several containers, and a picture in several formats."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) // 2 for _ in range(12)]
    made = []
    for name, codec in (("a.mp4", "libx264"), ("b.mkv", "libx265"), ("c.avi", "mpeg4"), ("d.webm", "libvpx-vp9")):
        with av.open(str(folder / name), "w") as file:
            stream: Any = file.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for frame in frames:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            file.mux(stream.encode())
        made.append(folder / name)
    pictures: dict[str, dict[str, Any]] = {
        **{name: {} for name in ("e.png", "f.jpg", "g.webp", "h.tif", "i.gif", "j.bmp", "r.avif")},
        "s.tif": {"compression": "tiff_lzw"},
        "t.heic": {"tile_size": 32, "exif": Image.Exif()},
    }
    heif.register()
    for name, options in pictures.items():
        Image.fromarray(frames[0]).save(folder / name, **options)
        made.append(folder / name)
    return made


def checkpoints(folder: Path) -> list[Path]:
    """Weights in the three formats."""
    tensors = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}
    torch.save({"model": tensors}, folder / "k.pth")
    (folder / "l.pkl").write_bytes(pickle.dumps({"model": {name: t.numpy() for name, t in tensors.items()}}))
    save_file(tensors, folder / "m.safetensors")
    return [folder / name for name in ("k.pth", "l.pkl", "m.safetensors")]


def texts(folder: Path) -> list[Path]:
    """Annotations and a configuration."""
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1.0, 2.0, 30.0, 40.0], "area": 900.0, "iscrowd": 0}
    points = {"dp_x": [1.0, 200.0], "dp_y": [9.0, 90.0], "dp_I": [1.0, 2.0], "dp_U": [0.1, 0.2], "dp_V": [0.3, 0.4]}
    picture = {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}
    annotations = {"images": [picture], "annotations": [{**person, **points, "dp_masks": [[]] * 14}]}
    (folder / "n.json").write_text(json.dumps({**annotations, "categories": [{"id": 1, "name": "person"}]}))
    (folder / "o.yaml").write_text(
        "lanes: {a: {stages: [decode]}, b: {stages: [encode]}}\nencode: {crf: 20}\ncredits: 4\nray: {address: null}\n"
    )
    return [folder / "n.json", folder / "o.yaml"]


def notes(folder: Path) -> list[Path]:
    """What a run leaves for one that goes on: a journal, and a shard."""
    journal = Journal(folder / "p.jsonl")
    receipt = SegmentWritten(path="segment", first=0, frames=4)
    journal.append(Commit(stream=0, epoch=0, packets=1, frames=4, seen=4, receipt=receipt, states={"a": b"state"}))
    shard = ShardWriter(folder / "q.zip")
    shard.add(
        0,
        (People(frame_N=np.zeros(1, np.int32), box_N4=np.ones((1, 4)), score_N=np.ones(1), id_N=-np.ones(1)),),
    )
    shard.close()
    return [folder / "p.jsonl", folder / "q.zip"]


def saved(folder: Path) -> list[Path]:
    """What `-c render` shows again: a frame's arrays and its stream, lists of results, pictures of IUV."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "boxes_N4": rng.random((2, 4), np.float32) * 40,
        "scores_N": np.ones(2, np.float32),
        "ids_N": np.array([1, 2], np.int32),
        "corners_N2": np.array([[3, 4], [20, 8]], np.int32),
        "frame": np.int64(0),
        "pts": np.int64(0),
        "bridged_N": np.zeros(2, bool),
        "near_N": np.array([1.5, np.nan], np.float32),
    }
    for i in range(2):
        arrays[f"labels_{i}"] = rng.integers(0, 25, (12, 9), dtype=np.uint8)
        arrays[f"uv_{i}"] = rng.random((2, 12, 9), np.float32)
        arrays[f"confidence_{i}"] = rng.random((12, 9), np.float32)
    (folder / "plain.frame.npz").write_bytes(_npz(np.savez, arrays))
    (folder / "packed.frame.npz").write_bytes(_npz(np.savez_compressed, arrays))
    video = VideoInfo(path="", width=64, height=48, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    (folder / "a.stream.json").write_text(json.dumps({**video_info_to_json(video), "exported": 1}))
    iuv = np.zeros((48, 64, 3), np.uint8)
    iuv[10:30, 20:40] = rng.integers(1, 25, (20, 20, 3))
    Image.fromarray(iuv).save(folder / "a.iuv.png")
    png = base64.b64encode((folder / "a.iuv.png").read_bytes()).decode()
    entry = {"image_id": 0, "category_id": 1, "bbox": [3.0, 4.0, 64.0, 48.0], "score": 0.9, "uv_data": png}
    (folder / "a.results.json").write_text(json.dumps([entry, {**entry, "image_id": 1, "track_id": 4}]))
    names = ("plain.frame.npz", "packed.frame.npz", "a.stream.json", "a.iuv.png", "a.results.json")
    return [folder / name for name in names]


def _npz(save: Callable[..., None], arrays: dict[str, Any]) -> bytes:
    made = BytesIO()
    save(made, **arrays)
    return made.getvalue()


def worn(folder: Path) -> list[Path]:
    """Atlases and bodies."""
    atlas = Image.fromarray(np.random.default_rng(0).integers(0, 255, (36, 24, 4), dtype=np.uint8))
    for name in ("a.atlas.png", "a.atlas.webp"):
        atlas.save(folder / name)
    atlas.convert("RGB").save(folder / "a.atlas.jpg")
    vertices = np.random.default_rng(0).random((20, 3))
    np.savez(folder / "a.body.npz", v_template=vertices)
    (folder / "a.body.obj").write_text("".join(f"v {x} {y} {z}\n" for x, y, z in vertices))
    (folder / "a.body.pkl").write_bytes(pickle.dumps({"v_template": vertices}, protocol=2))
    names = ("a.atlas.png", "a.atlas.webp", "a.atlas.jpg", "a.body.npz", "a.body.obj", "a.body.pkl")
    return [folder / name for name in names]


def trained(folder: Path) -> list[Path]:
    """Files of weights that say what network they are of."""
    about = TrainedInfo(kind="rcnn", variant=Variant(), min_size=240, max_size=320)
    write_trained(folder / "a.about.safetensors", {"a": torch.zeros(2)}, about)
    sizes = LightSizes()
    net = torch.nn.Linear(2, 2).state_dict()
    wide = replace(sizes, detector=DetectorSizes(widths=(16, 32, 64, 128, 260)))
    write_weights(folder / "a.light.safetensors", net, torch.nn.Linear(2, 2).state_dict(), wide)
    state = {"net": net, "average": net, "optimizer": {"state": {}, "param_groups": []}, "step": 3}
    torch.save(state, folder / "a.state.pt")
    return [folder / name for name in ("a.about.safetensors", "a.light.safetensors", "a.state.pt")]


VIDEO = VideoInfo(path="", width=64, height=48, still=False, rate=None, time_base=Fraction(1, 25))


def read_frame(path: Path) -> None:
    """A frame of an export, as far as its being drawn."""
    chunk, people, surfaces = packet_of((read_export_frame(path, VIDEO),), VIDEO, 0)
    list(Render(Render.Config(style="parts+uv+boxes+confidence"))(chunk, people, surfaces))


def read_results(path: Path) -> None:
    """A list of results, both of its frames."""
    results = ResultList(path)
    for number in range(2):
        results.people_of_frame(number, "a", False)


def read_iuv(path: Path) -> None:
    """A picture of IUV, and the same as a picture of persons."""
    rgb_HW3 = read_still(str(path)).rgb_HW3
    people_of_iuv(rgb_HW3, None, str(path))
    read_inds(path)


def in_folder(read: Callable[[Path], Any], name: str) -> Callable[[Path], Any]:
    """A reader of folders, for a file that stands in one under a name."""

    def reading(path: Path) -> None:
        folder = path.parent / "folder"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(path.read_bytes())
        read(folder)

    return reading


def read_stream_and_frames(folder: Path) -> None:
    """What `-c render` asks of a folder first."""
    read_stream(folder)
    frame_files(folder)


def read_media(path: Path) -> None:
    """Decode some frames."""
    stage = Decode(Decode.Config())
    try:
        count = 0
        for chunk in stage(Job(index=0, input=str(path), output=None, stem="a")):
            count += len(chunk)
            if count >= FRAMES:
                break
        stage.summary()
    finally:
        stage.close()


READERS: dict[str, Callable[[Path], Any]] = {
    ".frame.npz": read_frame,
    ".stream.json": in_folder(read_stream_and_frames, "stream.json"),
    ".results.json": read_results,
    ".iuv.png": read_iuv,
    **dict.fromkeys((".atlas.png", ".atlas.webp", ".atlas.jpg"), load_atlas),
    **dict.fromkeys((".body.npz", ".body.obj", ".body.pkl"), read_vertices),
    ".about.safetensors": load_trained,
    ".light.safetensors": load_networks,
    ".state.pt": read_training,
    **dict.fromkeys((".pth", ".pkl", ".safetensors"), load_checkpoint),
    ".json": lambda path: (read_dense_set(path), read_people(path)),
    ".yaml": lambda path: load_config(str(path), [], STAGES),
    ".jsonl": lambda path: (Journal(path).check(), Journal(path).read()),
    ".zip": lambda path: ShardReader(path).packet(0),
}


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file with one to four wounds."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 16, 200))
        wound = rng.randrange(6)
        if wound == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif wound == 1:
            del data[at:]
        elif wound == 2:
            data[at : at + length] = bytes(length)
        elif wound == 3:
            data[at:at] = rng.randbytes(length)
        elif wound == 4:
            data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))
        else:
            data[at:at] = data[max(0, at - length) : at]
    return bytes(data)


def twisted(tree: Any, rng: random.Random) -> Any:
    """A document in which some values are other than they should be."""
    if rng.random() < 0.04:
        return rng.choice(ODD_VALUES)
    if isinstance(tree, dict):
        return {key: twisted(value, rng) for key, value in tree.items() if rng.random() > 0.03}
    return [twisted(item, rng) for item in tree] if isinstance(tree, list) else tree


def one_case(number: int, seeds: list[Path], folder: Path) -> None:
    """Damage a file and read it. Raises whatever its reader raises."""
    rng = random.Random(number)
    seed = seeds[number % len(seeds)]
    content = seed.read_bytes()
    if seed.suffix in (".json", ".yaml") and rng.random() < 0.6:
        content = yaml.safe_dump(twisted(yaml.safe_load(content), rng)).encode()
        if seed.suffix == ".json":
            content = json.dumps(yaml.safe_load(content)).encode()
    else:
        content = damaged(content, rng)
    kind = "".join(seed.suffixes)
    path = folder / f"case{kind}"
    path.write_bytes(content)
    READERS.get(kind, read_media)(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case that neither was read nor refused plainly."""

    case: int
    what: str


def in_a_fork(cases: list[int], seeds: list[Path], folder: Path) -> tuple[Counter[str], list[Finding], list[int]]:
    """Run cases in a child; returns verdicts, findings, and the cases that were left when it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(cases, seeds, folder, writing)
    os.close(writing)
    verdicts, findings, left = Counter[str](), list[Finding](), list(cases)
    with os.fdopen(reading) as lines:
        while select.select([lines], [], [], WAIT_S)[0] and (line := lines.readline()):
            verdict, what = json.loads(line)
            verdicts[verdict] += 1
            if verdict == "found":
                findings.append(Finding(case=left[0], what=what))
            left.pop(0)
        if left:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if left:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        what = "hangs" if number in (signal.SIGPROF, signal.SIGKILL) else f"crashes ({signal.Signals(number).name})"
        findings.append(Finding(case=left.pop(0), what=what))
    return verdicts, findings, left


def _child(cases: list[int], seeds: list[Path], folder: Path, writing: int) -> None:
    """Run the cases and say how each went; never returns. The kernel ends it when a case takes too much CPU."""
    av.logging.set_level(None)
    for case in cases:
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        verdict, what = "read", ""
        try:
            one_case(case, seeds, folder)
        except BaseException as error:
            verdict, what = ("refused", "") if is_plain(error) else ("found", f"{type(error).__name__}: {error}"[:200])
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(writing, (json.dumps([verdict, what]) + "\n").encode())
    os._exit(0)


def seeds_in(folder: Path) -> list[Path]:
    """A whole file of every kind."""
    makers = (media, checkpoints, texts, notes, saved, worn, trained)
    return [path for make in makers for path in make(folder)]


def fuzz(first: int, count: int, folder: Path) -> tuple[Counter[str], list[Finding]]:
    """Run cases first, first + 1 …; verdicts (read, refused, found) and what was found."""
    seeds = seeds_in(folder)
    verdicts, findings = Counter[str](), list[Finding]()
    for start in range(first, first + count, BATCH):
        left = list(range(start, min(start + BATCH, first + count)))
        while left:
            more, found, left = in_a_fork(left, seeds, folder)
            verdicts += more
            findings += found
            for finding in found:
                print(finding, seeds[finding.case % len(seeds)].name, flush=True)
    return verdicts, findings


def main() -> int:
    """Run many cases, or one alone; 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--case", type=int, help="run this one in this process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.case is not None:
            seeds = seeds_in(folder)
            try:
                one_case(options.case, seeds, folder)
            except Exception:
                traceback.print_exc()
            return 0
        verdicts, findings = fuzz(options.seed, options.cases, folder)
    print(f"{options.cases} cases: {dict(verdicts)}, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
