"""The journal of a studio: a record of JSON for each action, written before the page receives an answer.

Records with `images` describe the task list; the first record is one. Every other record is a `WorkEntry`. All records
in order give the task list again, also after a crash.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from filelock import Timeout

from models.files.json_file import parsed_json
from pipeline.stage import StageError, lock_file
from stages.studio.work.action_messages import action_of, annotator_name
from stages.studio.work.actions import ChangeGroup, HandOn, Start, action_record
from stages.studio.work.record_file import RecordFile, read_records
from stages.studio.work.task_list import HintRule, TaskImage, TaskList, after_entry, with_images
from stages.studio.work.undo_history import WorkEntry

FORMAT = 1
REMEDY = "write the records with -c annotation_journal -o NAME.journal.jsonl, remove this one, and start from that file"


class WorkJournal:
    """An open journal: the task list as it is now, and the file that it can be read from again."""

    def __init__(
        self, path: Path, images: Sequence[TaskImage], copies: int, hints: HintRule = "choice"
    ) -> None:
        """Open the journal, read its records, also those of a former journal, and add the images.

        Raises: StageError for a journal that is damaged, open in another program, or not writable, and for work with
            another rule of hints.
        """
        try:
            self._lock = lock_file(f"{path}.lock", 0)
        except Timeout as error:
            raise StageError("another program writes this journal", str(path), "close it first") from error
        except OSError as error:
            reason = error.strerror or str(error)
            what = f"the journal cannot be written ({reason})"
            raise StageError(what, str(path), "name another file with -o") from error
        try:
            self._file = RecordFile(path, locks=self._lock is not None)
        except StageError:
            self._release()
            raise
        try:
            known = _folded(self._file.records(), path)
            if known.histories and known.hints != hints:
                what = f"the work began with annotate.hints={known.hints}"
                raise StageError(what, str(path), "set it as before, or write to another file with -o")
            self.tasks = replace(with_images(known, images), copies=copies, hints=hints)
            self._append({
                "format": FORMAT, "images": [[image.name, image.height, image.width] for image in images],
                "gold": [image.name for image in images if image.gold], "hints": hints,
            })
        except StageError:
            self.close()
            raise

    def add(self, entry: WorkEntry) -> None:
        """Write an entry to the disk, then apply it to the task list.

        Raises: StageError for an entry that does not fit the task list; the list and the file are then unchanged.
        """
        changed, record = after_entry(self.tasks, entry), entry_record(entry)
        if isinstance(entry.action, Start | ChangeGroup):  # the program made them: nobody has checked their fields
            entry_of(record, self.tasks)
        self._append(record)
        self.tasks = changed

    def secret(self, name: str) -> str:
        """A random secret of this journal, the same after each start. Raises: StageError."""
        return self._file.secret(name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.append(json.dumps(record, allow_nan=False, separators=(",", ":")))


def journal_tasks(path: Path) -> TaskList:
    """The task list of a journal, also while it is in use. Raises: StageError for a missing or damaged journal."""
    return _folded(read_records(path), path)


def _folded(records: Iterable[tuple[int, str]], path: Path) -> TaskList:
    """The task list after all records. Raises: StageError for a damaged record."""
    tasks = TaskList(images=())
    for number, record in records:
        try:
            tasks = after_record(tasks, parsed_json(record))
        except (StageError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise StageError(f"record {number} is damaged ({error})", str(path), REMEDY) from error
    return tasks


def after_record(tasks: TaskList, record: Any) -> TaskList:
    """The task list after a parsed record. Raises: StageError, ValueError, KeyError, TypeError for a damaged record."""
    if "images" in record:
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']}, not {FORMAT}")
        gold, hints = set(record.get("gold", ())), record.get("hints", "choice")
        if hints not in get_args(HintRule):
            raise ValueError(f"hints is none of {', '.join(get_args(HintRule))}")
        images = [
            TaskImage(name=str(name), height=int(high), width=int(wide), gold=name in gold)
            for name, high, wide in record["images"]
        ]
        return replace(with_images(tasks, images), hints=hints)
    return after_entry(tasks, entry_of(record, tasks))


def entry_record(entry: WorkEntry) -> dict[str, Any]:
    """The JSON of an entry."""
    action: Any
    if isinstance(entry.action, Start):
        action = {"start": [action_record(action) for action in entry.action.actions]}
    elif isinstance(entry.action, HandOn):
        action = {"hand_on": entry.action.by}
    else:
        action = entry.action if isinstance(entry.action, str) else action_record(entry.action)
    named = {"who": entry.annotator, "image": entry.image, "at": round(entry.at, 3), "seconds": round(entry.seconds, 3)}
    more = {**({"review": True} if entry.review else {}), **({"key": entry.key} if entry.key else {})}
    return {**named, **more, "action": action}


def entry_of(record: Mapping[str, Any], tasks: TaskList) -> WorkEntry:
    """The entry of parsed JSON. Raises: StageError, KeyError or TypeError for anything else."""
    image = tasks.image(record["image"])
    action = record["action"]
    size = (image.height, image.width)
    if isinstance(action, Mapping) and "start" in action:
        action = Start(actions=tuple(action_of(start, size) for start in action["start"]))
    elif isinstance(action, Mapping) and "hand_on" in action:
        action = HandOn(by=checked_name(action["hand_on"]))
    elif action not in ("undo", "redo"):
        action = action_of(action, size)
    return WorkEntry(
        annotator=checked_name(record["who"]), image=image.name, at=float(record["at"]),
        seconds=float(record["seconds"]), action=action, review=record.get("review") is True,
        key=str(record.get("key", "")),
    )


def checked_name(name: Any) -> str:
    """An annotator's name. Raises: StageError unless it is 1 to 64 printable characters."""
    try:
        return annotator_name(name)
    except ValueError as error:
        raise StageError(f"the name {error}", "who", "enter another name") from error
