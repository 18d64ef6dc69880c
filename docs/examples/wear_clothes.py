"""The clothes of a person in one film on the people of another: python wear_clothes.py from.mp4 to.mp4 result.mp4"""

import subprocess
import sys
from pathlib import Path

from densepose_video import Player, run


def main(wearer: str, others: str, result: str) -> None:
    clothes = str(Path(result).with_suffix(".clothes.png"))
    command = [sys.executable, "-m", "densepose_video", wearer, "-c", "unwrap", "-o", clothes, "--overwrite"]
    subprocess.run(command, check=True)  # all that the film shows of the person, as one texture
    Player(run("video", others, settings={"render.atlas": clothes})).save(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
