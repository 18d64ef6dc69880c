"""The command `densepose-video`, and `python -m densepose_video`: all that `run_pipeline.py` does, from any folder."""

import sys

from pipeline.command.program import start

if __name__ == "__main__":
    sys.exit(start())
