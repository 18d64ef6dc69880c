"""An annotator without a browser, who sends the page's messages and keeps a log: `python -m … ADDRESS WHO LOG SEED`.

Every message is in the log before it is sent, and its confirmation after it: whoever kills this process knows which
actions the program has confirmed. It imports nothing of the project, so that it starts at once.
"""

from __future__ import annotations

import json
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PART_CHARTS = {1: 1, 6: 7, 7: 8, 10: 15, 14: 23}
"""A chart of each part that is painted."""
LATER = (408, 502, 503, 504)
UNDO_SHARE = 0.06


def rectangle_counts(size: int) -> str:
    """COCO's compressed run lengths of a full rectangle with this number of pixels."""
    text = ""
    for run in (0, size):
        more = True
        while more:
            group = run & 31
            run >>= 5
            more = run != (-1 if group & 16 else 0)
            text += chr(48 + (group | 32 if more else group))
    return text


class ScriptedAnnotator:
    """Takes one image after the other, and does to it what a person would, with an undo now and then."""

    def __init__(self, address: str, who: str, log: Path, seed: int) -> None:
        self._address, self._who, self._rng = address, who, random.Random(f"{who} {seed}")
        self._log, self._count, self._page = log.open("a", encoding="utf-8"), 0, f"{who}.{seed}.{time.time_ns()}"

    def work(self) -> None:
        """Until no image is left."""
        while (found := self._posted("/take", {"who": self._who}))["image"] is not None:
            self._write({"image": found["image"]["name"], "undo": found["sheet"]["undo"]})
            self._annotate(found["image"], found["sheet"])

    def _annotate(self, image: dict[str, Any], sheet: dict[str, Any]) -> None:
        for action in self._actions(image, sheet):
            sheet = self._act(image["name"], action)
            if sheet["undo"] and self._rng.random() < UNDO_SHARE:
                self._act(image["name"], "undo")
                if self._rng.random() < 0.8:
                    self._act(image["name"], "redo")
        self._act(image["name"], {"do": "status", "status": "finished"})

    def _actions(self, image: dict[str, Any], sheet: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What is still to be done to a person; after a kill the sheet has some of it."""
        done = sheet["people"].get("1", {"parts": None, "asked": {}, "keypoints": {}})
        wide, high = image["width"], image["height"]
        if "1" not in sheet["people"]:
            yield {"do": "box", "person": 1, "box_4": [2, 2, wide - 2, high - 2]}
        parts = self._rng.sample(sorted(PART_CHARTS), 2)
        if done["parts"] is None:
            for number, part in enumerate(parts):
                side = 20 + self._rng.randrange(20)
                mask = {"x": 10 + 60 * number, "y": 10, "size": [side, side], "counts": rectangle_counts(side * side)}
                yield {"do": "paint", "person": 1, "part": part, "mask": mask}
                pixels = [[12 + 60 * number + 3 * k, 14] for k in range(3)]
                yield {"do": "ask", "person": 1, "part": part, "pixels": pixels}
                for k in range(3):
                    point = {"do": "answer", "person": 1, "part": part, "number": k}
                    place = {"chart": PART_CHARTS[part], "u": round(self._rng.random(), 6), "v": 0.25, "view": 1}
                    yield {**point, "verdict": "surface", **place} if k else {**point, "verdict": "hidden"}
        for joint in self._rng.sample(range(17), 6):
            if str(joint) not in done["keypoints"]:
                x, y = (round(self._rng.uniform(3, most - 3), 1) for most in (wide, high))
                yield {"do": "keypoint", "person": 1, "joint": joint, "x": x, "y": y, "visibility": 2}

    def _act(self, image: str, action: Any) -> dict[str, Any]:
        self._write({"send": action})
        sheet: dict[str, Any] = self._posted("/act", {"who": self._who, "image": image, "action": action})["sheet"]
        self._write({"done": sheet["undo"]})
        return sheet

    def _write(self, line: dict[str, Any]) -> None:
        self._log.write(json.dumps(line) + "\n")
        self._log.flush()

    def _posted(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message, which is sent again until the program answers it, as the page does."""
        self._count += 1
        body = json.dumps({**message, "key": f"{self._page}.{self._count}"}).encode()
        request = urllib.request.Request(self._address + path, body, {"Content-Type": "application/json"})
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as found:
                    answer: dict[str, Any] = json.loads(found.read())
                    return answer
            except urllib.error.HTTPError as error:
                if error.code not in LATER:
                    raise RuntimeError(error.read().decode()) from error
            except (OSError, ValueError):
                pass  # the program is gone, or died in the middle of its answer
            time.sleep(0.1)


if __name__ == "__main__":
    ScriptedAnnotator(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])).work()
