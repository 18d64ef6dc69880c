"""The command `densepose-video`, and `python -m densepose_video`: all that `run_pipeline.py` does, from any folder."""

import os
import sys

if __name__ == "__main__":
    __spec__ = None  # processes that this program starts then run this file by its path, as they do `run_pipeline.py`
elif __name__ == "__mp_main__":  # in such a process
    sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    from pipeline.import_path import keep_to_own_modules

    keep_to_own_modules()

from pipeline.command.program import start

if __name__ == "__main__":
    sys.exit(start())
