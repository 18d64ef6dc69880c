"""All that the page can ask for, apart from HTTP: images, claims, actions, clicks and proposals, in one place."""

from __future__ import annotations

import base64
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.arrays import U8
from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from pipeline.stage import StageError
from stages.annotations.densepose_coco import AnnotatedPerson, write_dense_set
from stages.annotations.image_folders import read_rgb
from stages.live.latest_frame import encode_jpeg
from stages.studio.action_messages import action_of
from stages.studio.actions import Action, Answer, Ask, Paint, SetOutline, SetStatus, Start
from stages.studio.answer_preview import answer_preview
from stages.studio.asked_pixels import others_pixels, pixels_to_ask
from stages.studio.journal import WorkJournal, checked_name
from stages.studio.part_views import SIDE, view_directions
from stages.studio.people_file import people_file
from stages.studio.proposals import ProposedPerson, best_proposal
from stages.studio.sheet import PersonWork
from stages.studio.sheet_records import history_record
from stages.studio.task_list import (
    HintRule,
    History,
    Step,
    TaskImage,
    WorkEntry,
    active_seconds,
    claimed,
    finished_by,
    hint_shown,
    image_state,
    next_image,
    released,
)
from stages.studio.view_clicks import SurfacePlace, clicked_place, views_of_place

Propose = Callable[[str, U8], list[ProposedPerson]]
JPEG_QUALITY = 95
THUMBNAIL = 120
"""Pixels of the longer side of an image in the list of images."""
KEPT_IMAGES = 4
"""Decoded images that stay in memory."""
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenImage:
    """An image to annotate: its file, its entry in the task list, and what annotators find in it.

    `people`: those of a file with which the work began, in the order of their numbers; they are in `start`.
    """

    path: Path
    task: TaskImage
    start: Start | None = None
    people: tuple[AnnotatedPerson, ...] = ()


class Workplace:
    """The task list behind the page. Not for several threads at once: its server calls it from one."""

    def __init__(
        self, images: Sequence[GivenImage], output: Path, *, copies: int, propose: Propose | None,
        hints: HintRule = "choice", clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the journal.

        Where images of known truth are hidden among the others, the page shows numbers in place of all names.

        Args:
            propose: the network's proposals; None = there are none.
            hints: who decides whether the network's guess is shown.

        Raises: StageError.
        """
        self._files = {one.task.name: one.path for one in images}
        self._starts = {one.task.name: one.start for one in images if one.start is not None}
        self._given = {one.task.name: one.people for one in images}
        self._journal = WorkJournal(studio_journal(output), [one.task for one in images], copies, hints)
        numbered = any(one.task.gold for one in images)
        self._shown = {
            name: f"image {number}" if numbered else name for number, name in enumerate(self._files, start=1)
        }
        self._names = {shown: name for name, shown in self._shown.items()}
        self._output, self._copies, self._propose, self._clock = output, copies, propose, clock
        self.image_rgb = lru_cache(maxsize=KEPT_IMAGES)(self._read)

    def take(self, message: Message) -> dict[str, Any]:
        """Give an annotator an image: the named one, or the next. `image` is None when none is left.

        Raises: StageError for a wrong name, and for an image that another annotator has.
        """
        who, tasks, now = checked_name(message.get("who")), self._journal.tasks, self._clock()
        wanted = message.get("image")
        # The journal may know images of earlier runs, which are not given this time.
        listed = dataclasses.replace(tasks, images=tuple(one for one in tasks.images if one.name in self._files))
        name = next_image(listed, who, now) if wanted is None else self._name(wanted)
        progress = self._progress()
        if name is None:
            return {"image": None, "progress": progress}
        self._journal.tasks = claimed(released(tasks, who), name, who, now)
        if name in self._starts and (name, who) not in tasks.histories:
            self._journal.add(WorkEntry(who=who, image=name, at=now, seconds=0, do=self._starts[name]))
        one = tasks.image(name)
        number = list(self._files).index(name)
        about = {"name": self._shown[name], "number": number, "width": one.width, "height": one.height}
        return {"image": about, "sheet": self._record(name, who), "progress": progress}

    def images(self, message: Message) -> dict[str, Any]:
        """This run's images for an annotator: name and state of each, by its number. Raises: StageError."""
        who, tasks, now = checked_name(message.get("who")), self._journal.tasks, self._clock()
        states = ((shown, image_state(tasks, name, who, now)) for name, shown in self._shown.items())
        return {"images": [{"name": shown, "state": state} for shown, state in states]}

    def act(self, message: Message) -> dict[str, Any]:
        """Carry out an action, an undo or a redo; returns the changed sheet. Raises: StageError.

        With `painted: true` the page has drawn what it paints, and neither map nor outline is sent back.
        """
        name = self._name(message.get("image"))
        image = self._journal.tasks.image(name)
        do = message.get("action")
        if do in ("undo", "redo"):
            # A page that lost the answer asks again: what it saw tells that the step is done already.
            steps = len(self._history(name, checked_name(message.get("who"))).past) - 1
            if message.get("undo", steps) != steps:
                return {"sheet": self._record(name, checked_name(message.get("who"))), "progress": self._progress()}
            return self._add(message, name, do)
        return self._add(message, name, action_of(do, (image.height, image.width)))

    def ask(self, message: Message) -> dict[str, Any]:
        """Choose the pixels of a part that are asked: those of another annotator of the person, if there is one.

        Fields: `person`, `part`. Raises: StageError.
        """
        name, wanted, work = self._wanted_part(message)
        if work is None:
            raise StageError(f"there is no person {wanted.person}", "person", "reload the page")
        tasks = self._journal.tasks
        pixels = others_pixels(tasks, name, checked_name(message.get("who")), work, wanted.part)
        if pixels is None:
            pixels = pixels_to_ask(work, wanted.part, tasks.image(name))
        return self._add(message, name, dataclasses.replace(wanted, pixels=pixels))

    def click(self, message: Message) -> dict[str, Any]:
        """Answer a point by a click on a view. Fields: those of the action `answer`, and `click`: x, y in the view.

        Raises: StageError for a click beside the part.
        """
        name = self._name(message.get("image"))
        image = self._journal.tasks.image(name)
        given = {key: message.get(key) for key in ("person", "part", "number", "view", "hint")}
        wanted = action_of({"do": "answer", "verdict": "surface", **given}, (image.height, image.width))
        assert isinstance(wanted, Answer)
        at = message.get("click")
        if not isinstance(at, list) or len(at) != 2 or not all(type(one) in (int, float) for one in at):
            raise StageError("is no place in a view", "click", "reload the page")
        if wanted.part == 0 or not all(0 <= one <= SIDE for one in at):
            raise StageError("is outside of the view", "click", "click on the part")
        place = clicked_place(wanted.part, wanted.view, float(at[0]), float(at[1]))
        if place is None:
            raise StageError("there is nothing of the part", "click", "click on the part")
        answer = dataclasses.replace(wanted, chart=place.chart, u=place.u, v=place.v)
        if self._journal.tasks.hints == "half":
            answer = dataclasses.replace(answer, guess=self._guessed(name, message, answer))
        return self._add(message, name, answer)

    def guess(self, message: Message) -> dict[str, Any]:
        """Where the network sees the asked points of a part, as places in the views. Fields: `person`, `part`.

        A point that it sees on another part has none, and none has one where hints are not shown for this person.

        Raises: StageError, ModelError.
        """
        name, wanted, work = self._wanted_part(message)
        if hint_shown(self._journal.tasks, name, checked_name(message.get("who")), wanted.person) is False:
            return {"guesses": []}
        people = self._proposed(name)
        best = None if work is None else best_proposal(people, work.box_4)
        if work is None or best is None:
            return {"guesses": []}
        places = [best.place_at(one.x, one.y) for one in work.asked.get(wanted.part, ())]
        return {"guesses": [_views(wanted.part, place) for place in places]}

    def preview(self, message: Message) -> dict[str, Any]:
        """The lines that the answers of a part draw on the image. Fields: `person`, `part`. Raises: StageError."""
        _, wanted, work = self._wanted_part(message)
        made = None if work is None else answer_preview(work, wanted.part)
        if made is None:
            return {"preview": None}
        return {"preview": {"box": made[0], "png": base64.b64encode(made[1]).decode("ascii")}}

    def release(self, message: Message) -> dict[str, Any]:
        """The annotator leaves: their images are free for others."""
        self._journal.tasks = released(self._journal.tasks, checked_name(message.get("who")))
        return {}

    def image_name(self, number: int) -> str:
        """The name of an image by its number on this run's list. Raises: StageError."""
        names = list(self._files)
        if not 0 <= number < len(names):
            raise StageError(f"there is no image {number}", "image", "reload the page")
        return names[number]

    def jpeg(self, name: str) -> bytes:
        """An image as the page shows it: upright. Raises: StageError."""
        return encode_jpeg(self.image_rgb(name), JPEG_QUALITY, None)

    def thumbnail(self, name: str) -> bytes:
        """A small JPEG of an image, for the list of images. Raises: StageError."""
        rgb_HW3 = self._read(name)
        scale = THUMBNAIL / max(rgb_HW3.shape[:2])
        small_HW3 = np.asarray(cv2.resize(rgb_HW3, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        return encode_jpeg(small_HW3, 80, None)

    def proposals(self, name: str) -> dict[str, Any]:
        """The network's proposals for an image. Raises: StageError, ModelError."""
        people = self._proposed(name)
        return {"people": [one.record() for one in people]}

    def write(self) -> int:
        """Write the file of each rank of annotators; returns the number of people of the first. Raises: StageError."""
        counts = []
        for rank in range(self._copies):
            made = people_file(self._journal.tasks, rank, self._given)
            write_dense_set(ranked_path(self._output, rank), made)
            counts.append(len(made.people))
        return counts[0]

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def finished(self) -> int:
        """Number of this run's images that as many annotators have finished as are wanted."""
        tasks = self._journal.tasks
        return sum(len(list(finished_by(tasks, name))) >= self._copies for name in self._files)

    def _record(
        self, name: str, who: str, before: History | None = None, drawn: int | None = None
    ) -> dict[str, Any]:
        """The sheet for the page, as `history_record`; `hint` of each person: whether the guess is shown."""
        record = history_record(self._history(name, who), before, drawn)
        for number, person in record["people"].items():
            person["hint"] = hint_shown(self._journal.tasks, name, who, number)
        return record

    def _guessed(self, name: str, message: Message, answer: Answer) -> tuple[int, float, float] | None:
        """Where the network sees the asked point; None where it sees it on another part, or no person."""
        work = self._journal.tasks.sheet(name, checked_name(message.get("who"))).people.get(answer.person)
        best = None if work is None else best_proposal(self._proposed(name), work.box_4)
        points = () if work is None else work.asked.get(answer.part, ())
        if best is None or answer.number >= len(points):
            return None
        place = best.place_at(points[answer.number].x, points[answer.number].y)
        if place is None or COARSE_OF_CHART[place.chart] != answer.part:
            return None
        return place.chart, place.u, place.v

    def _wanted_part(self, message: Message) -> tuple[str, Ask, PersonWork | None]:
        """The image, the part of a person that a message names, and the work on that person, if there is any."""
        name = self._name(message.get("image"))
        image = self._journal.tasks.image(name)
        fields = {"do": "ask", "person": message.get("person"), "part": message.get("part"), "pixels": [[0, 0]]}
        wanted = action_of(fields, (image.height, image.width))
        assert isinstance(wanted, Ask)
        return name, wanted, self._journal.tasks.sheet(name, checked_name(message.get("who"))).people.get(wanted.person)

    def _proposed(self, name: str) -> list[ProposedPerson]:
        return [] if self._propose is None else self._propose(name, self.image_rgb(name))

    def _add(self, message: Message, name: str, do: Action | Step) -> dict[str, Any]:
        who, now = checked_name(message.get("who")), self._clock()
        before = self._history(name, who)
        drawn = do.person if isinstance(do, Paint | SetOutline) and message.get("painted") is True else None
        claimed(self._journal.tasks, name, who, now)
        seconds = active_seconds(self._journal.tasks, who, now)
        if isinstance(do, Answer) and (shown := hint_shown(self._journal.tasks, name, who, do.person)) is not None:
            do = dataclasses.replace(do, hint=shown)
        self._journal.add(WorkEntry(who=who, image=name, at=now, seconds=seconds, do=do))
        if isinstance(do, SetStatus):
            self.write()
        return {"sheet": self._record(name, who, before, drawn), "progress": self._progress()}

    def _history(self, name: str, who: str) -> History:
        return self._journal.tasks.histories.get((name, who), History())

    def _progress(self) -> dict[str, int]:
        return {"images": len(self._files), "finished": self.finished()}

    def _name(self, name: Any) -> str:
        if not isinstance(name, str) or name not in self._names:
            raise StageError("the image is not on this run's list", "image", "reload the page")
        return self._names[name]

    def _read(self, name: str) -> U8:
        return read_rgb(self._files[name])


def _views(part: int, place: SurfacePlace | None) -> list[tuple[int, float, float]]:
    """The views that see a place; none for a place on another part."""
    return [] if place is None or COARSE_OF_CHART[place.chart] != part else views_of_place(part, place)


def studio_journal(output: Path) -> Path:
    """The journal beside a result: `people.journal.jsonl` beside `people.json`."""
    return output.with_name(f"{output.stem}.journal.jsonl")


def frames_folder(output: Path) -> Path:
    """The folder of the frames of videos beside a result: `people.frames` beside `people.json`."""
    return output.with_name(f"{output.stem}.frames")


def ranked_path(output: Path, rank: int) -> Path:
    """The file of a rank of annotators: `people.json`, `people.2.json` …"""
    return output if rank == 0 else output.with_name(f"{output.stem}.{rank + 1}{output.suffix}")


def part_table() -> list[dict[str, Any]]:
    """Name and views of each part 1..14, for the page."""
    return [
        {"part": part, "name": COARSE_NAMES[part], "views": list(view_directions(part))}
        for part in range(1, len(COARSE_NAMES))
    ]
