#!/usr/bin/env python3
"""People in videos and images, mapped to the body's surface: `run_pipeline.py --help` explains."""

from __future__ import annotations

import os
import sys

# Debuggers, profilers and programs that run this file as a part of theirs keep it in their own process.
is_the_program = __name__ == "__main__" and sys._getframe().f_back is None and not sys.flags.inspect
if is_the_program or __name__ == "__mp_main__":  # the latter: in a process that this program started
    sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
    from pipeline.import_path import keep_to_own_modules

    keep_to_own_modules()

from pipeline.command.program import run_command, start  # noqa: E402 - now the path is right

if __name__ == "__main__":
    sys.exit(start() if is_the_program else run_command(None))
