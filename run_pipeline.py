#!/usr/bin/env python3
"""People in videos and images, mapped to the body's surface: `run_pipeline.py --help` explains."""

from __future__ import annotations

import sys

from pipeline.command.cli import main

if __name__ == "__main__":
    sys.exit(main())
