#!/usr/bin/env python3
"""People in videos and images, mapped to the body's surface: `run_pipeline.py --help` explains."""

from __future__ import annotations

import sys

from pipeline.command.program import run_command, start

if __name__ == "__main__":
    # Debuggers, profilers and programs that run this file as a part of theirs keep it in their own process.
    is_the_program = sys._getframe().f_back is None and not sys.flags.inspect
    sys.exit(start() if is_the_program else run_command(None))
