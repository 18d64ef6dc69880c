"""OpenVINO does not change the process: threads may use all cores, and signals are handled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from models.engines.engine import compile_request, import_openvino

pytestmark = pytest.mark.quick


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="which cores a thread may use is not told here")
def test_inference_does_not_pin_the_calling_thread() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core")
    openvino = import_openvino()
    x = openvino.opset13.parameter([1, 64, 64, 64], np.float32)
    weight = openvino.opset13.constant(np.ones((64, 64, 3, 3), np.float32))
    layer = openvino.opset13.convolution(x, weight, [1, 1], [1, 1], [1, 1], [1, 1])
    request = compile_request(openvino.Model([layer], [x]), threads=1)

    def run() -> None:
        for _ in range(50):
            request.infer({0: np.ones((1, 64, 64, 64), np.float32)})

    thread = threading.Thread(target=run)
    thread.start()
    allowed = set()
    while thread.is_alive():
        assert thread.native_id is not None
        try:
            allowed.add(frozenset(os.sched_getaffinity(thread.native_id)))
        except ProcessLookupError:
            break
    assert request.get_output_tensor(0).data.max() == 64 * 9
    assert allowed == {frozenset(os.sched_getaffinity(0))}


CLOSED_IN_ORDER = """
import signal
import numpy as np
from models.engines.engine import compile_request, import_openvino

openvino = import_openvino()
x = openvino.opset13.parameter([1, 4], np.float32)
graph = openvino.Model([openvino.opset13.relu(x)], [x])
first, second = (compile_request(graph, threads=1) for _ in range(2))
del first
del second
signal.signal(signal.SIGUSR1, lambda number, frame: print("taken"))
signal.raise_signal(signal.SIGUSR1)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="programs send each other no signals here")
def test_a_signal_after_closing_engines_does_not_kill_the_process(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED_IN_ORDER], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "taken\n"), done.stderr
