"""The version of this program, which the package's metadata takes from here, and the name of its command."""

from __future__ import annotations

VERSION = "0.2.0"
PROGRAM = "run_pipeline.py" if __name__ == "pipeline.version" else "densepose-video"
"""As users call it: the file in the clone, or the installed command."""
