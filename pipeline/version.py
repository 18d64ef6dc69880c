"""The version, which the metadata of the package takes from here, and whether this program is cloned or installed."""

from __future__ import annotations

VERSION = "0.3.0"
PACKAGE = __name__.partition(".")[0]
"""The top-level package of this module: "pipeline" in the clone, else the installed one, which holds the rooms."""
IN_CLONE = PACKAGE == "pipeline"
PROGRAM = "run_pipeline.py" if IN_CLONE else "densepose-video"
"""As users call it: the file in the clone, or the installed command."""
