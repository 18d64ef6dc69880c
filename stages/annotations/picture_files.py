"""Where the pictures lie that a file of annotations names."""

from __future__ import annotations

import os
from pathlib import Path


def picture_path(folder: Path, name: str) -> Path:
    """The file of a picture: as a file of annotations calls it, else by its own name alone, where that is there.

    Tools write names with the folders of the machine that they ran on, and with its slashes.
    """
    plain = name.replace("\\", "/")
    places = (folder / name, folder / plain, folder / plain.rpartition("/")[2])
    return next((place for place in places if os.path.isfile(place)), places[0])
