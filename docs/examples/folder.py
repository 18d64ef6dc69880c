"""The photos of a folder as one list of COCO's results: python folder.py photos/ people.json"""

import json
import sys
from pathlib import Path

from densepose_video import PlainError, load


def main(folder: str, result: str) -> None:
    network = load("light")
    entries = []
    for photo in sorted(Path(folder).iterdir()):
        try:
            people, _ = network(photo)
        except PlainError as error:  # a damaged file, or no photo: the others go on
            print(error, file=sys.stderr)
            continue
        entries += people.some(people.score_N > 0.5).to_coco(photo.stem)
    Path(result).write_text(json.dumps(entries))


if __name__ == "__main__":
    main(*sys.argv[1:])
