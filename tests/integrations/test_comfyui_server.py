"""The three workflows in ComfyUI itself, by its HTTP interface, with the pixels of the command line.

It needs a clone of ComfyUI, which is not part of this project:
`COMFYUI=FOLDER COMFYUI_PYTHON=FOLDER/venv/bin/python python -m pytest -n 0 tests/integrations/test_comfyui_server.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipeline.configuration.plan import process_environment

FOLDER = os.environ.get("COMFYUI", "")
FRAMES, START_S, RUN_S = 3, 300, 300

pytestmark = [
    pytest.mark.skipif(not (Path(FOLDER) / "execution.py").is_file(), reason="COMFYUI names no clone of ComfyUI"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def clip(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the demo clip in lossless RGB, so that both programs decode the same pixels."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(root / "configs" / "demo_walk.mp4")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264rgb", rate=25, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "rgb24"
        for _, frame in zip(range(FRAMES), source.decode(video=0), strict=False):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")))
        target.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def server(root: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """ComfyUI without a GPU, with our nodes linked into a folder of its own; its address, and that folder."""
    base = tmp_path_factory.mktemp("comfy")
    for name in ("custom_nodes", "input", "output", "models", "user", "temp"):
        (base / name).mkdir()
    (base / "custom_nodes" / "densepose").symlink_to(root / "integrations" / "comfyui")
    shutil.copy(clip, base / "input" / "clip.mp4")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    command = [python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)]
    log = base / "log.txt"
    env = os.environ | process_environment(1)  # sums have the same last bits as on the command line
    with log.open("w") as file:
        command.append("--disable-api-nodes")
        process = subprocess.Popen(command, cwd=FOLDER, env=env, stdout=file, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answer(f"{address}/object_info/DensePoseVideo"), START_S, process, log)
        yield address, base
    finally:
        process.terminate()
        process.wait(30)


def answer(address: str, sent: Any = None) -> Any:
    """The answer as JSON; None where nobody answers yet."""
    data = None if sent is None else json.dumps(sent).encode()
    request = urllib.request.Request(address, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            text = reply.read()
            return json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error
    except OSError:
        return None


def until(asked: Callable[[], Any], seconds: float, process: subprocess.Popen[bytes], log: Path) -> Any:
    """What is answered once it is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if found := asked():
            return found
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


def run_workflow(address: str, workflow: dict[str, Any], base: Path) -> dict[str, list[np.ndarray]]:
    """Run a workflow; the images (H, W, 3) of each node that saves some."""
    number = answer(f"{address}/prompt", {"prompt": workflow})["prompt_id"]
    end = time.monotonic() + RUN_S
    while time.monotonic() < end:
        history = answer(f"{address}/history/{number}") or {}
        if number in history:
            break
        time.sleep(0.2)
    entry = history[number]
    assert entry["status"]["status_str"] == "success", entry["status"]["messages"]
    return {
        node: [
            cv2.imread(str(base / "output" / one["subfolder"] / one["filename"]))[..., ::-1] for one in made["images"]
        ]
        for node, made in entry["outputs"].items()
    }


def workflow(root: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((root / "integrations" / "comfyui" / "workflows" / f"{name}.json").read_text()))


def command_line(root: Path, *words: str) -> None:
    done = subprocess.run([sys.executable, str(root / "run_pipeline.py"), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def images(folder: Path) -> list[np.ndarray]:
    return [cv2.imread(str(file))[..., ::-1] for file in sorted(folder.glob("*.png"))]


def test_charts_and_masks_have_the_pixels_of_the_command_line(
    root: Path, clip: Path, server: tuple[str, Path], tmp_path: Path
) -> None:
    exports = {kind: tmp_path / kind for kind in ("magicanimate", "scail", "masks")}
    words = [word for kind, folder in exports.items() for word in ("--export", f"{kind}={folder}")]
    command_line(root, str(clip), "-o", str(tmp_path / "o.mp4"), "--serial", *words)
    address, base = server
    charts = run_workflow(address, workflow(root, "charts_for_animation"), base)
    assert np.array_equal(charts["4"], images(exports["magicanimate"])) and len(charts["4"]) == FRAMES
    masks = run_workflow(address, workflow(root, "a_mask_for_each_person"), base)
    assert np.array_equal(masks["5"], images(exports["scail"]))
    assert np.array_equal(np.array(masks["7"]) > 0, np.array(images(exports["masks"])) > 0)


def test_clothes_have_the_pixels_of_the_command_line(
    root: Path, clip: Path, server: tuple[str, Path], tmp_path: Path
) -> None:
    atlas, dressed = tmp_path / "atlas.png", tmp_path / "dressed.mp4"
    graph = ["lanes.out.stages=[track, verify, bridge, smooth, unwrap]", "verify.look_ahead=10", "smooth.look_ahead=2"]
    as_in_video = [word for setting in graph for word in ("--set", setting)]  # people as `-c video` finds them
    command_line(root, str(clip), "-c", "unwrap", "-o", str(atlas), "--serial", *as_in_video)
    lossless = ["--set", "encode.codec=libx264rgb", "--set", "encode.crf=0"]
    command_line(root, str(clip), "-o", str(dressed), "--serial", "--atlas", str(atlas), *lossless)
    made = run_workflow(server[0], workflow(root, "clothes_from_one_to_all"), server[1])
    assert np.array_equal(made["5"][0], cv2.imread(str(atlas))[..., ::-1])
    with av.open(str(dressed)) as file:
        expected = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert np.array_equal(made["7"], expected)


def test_a_run_is_cancelled(root: Path, server: tuple[str, Path]) -> None:
    """The order to stop comes before the node begins, or while it works; either way the run ends as interrupted."""
    address, _ = server
    prompt = workflow(root, "charts_for_animation")
    prompt["3"]["inputs"].update(frames_are_a_clip=False, resolution=1024)
    number = answer(f"{address}/prompt", {"prompt": prompt})["prompt_id"]
    end = time.monotonic() + RUN_S
    while time.monotonic() < end:
        answer(f"{address}/interrupt", {})
        history = answer(f"{address}/history/{number}") or {}
        if number in history:
            break
        time.sleep(0.1)
    kinds = [kind for kind, _ in history[number]["status"]["messages"]]
    assert "execution_interrupted" in kinds
