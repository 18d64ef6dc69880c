"""Every pixel of every person in a video, mapped to the surface of the human body.

`run` yields the frames of videos, images and folders; `load` gives a model for single images.
"""

from pipeline.import_path import is_program, keep_to_own_modules

if is_program("densepose_video", "densepose-video"):
    keep_to_own_modules()

from pipeline.command.api import load, run
from pipeline.version import VERSION

__all__ = ["load", "run"]
__version__ = VERSION
