"""Importing an engine must not send telemetry."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

PROBE = """
import sys
from models.engines.engine import import_openvino
import_openvino()
loaded = [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module is not None]
assert not loaded, loaded
from openvino.tools.ovc import telemetry_utils
assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub", telemetry_utils.tm
"""


def test_openvino_is_imported_without_telemetry(root: Path) -> None:
    if not any(distributions(name="openvino-telemetry")):
        pytest.skip("OpenVINO's telemetry package is not installed")
    result = subprocess.run([sys.executable, "-c", PROBE], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
