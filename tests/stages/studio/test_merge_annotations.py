"""Files of one task become one: all work of both, one after the other where it continues, side by side where not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.command.cli import main
from pipeline.stage import Job, StageError
from stages.annotations.densepose_coco import read_dense_set
from stages.studio.given_images import given_images
from stages.studio.given_people import with_given_people
from stages.studio.merge_annotations import MergeAnnotations
from stages.studio.merge_tasks import MergedTask
from stages.studio.read_journal import ReadJournal
from stages.studio.work.record_file import read_records
from stages.studio.work.task_list import TaskList, has_hint
from stages.studio.work.work_journal import WorkJournal, journal_tasks
from stages.studio.workplace import Workplace
from tests.stages.studio.random_work import IMAGES, random_entries

HEIGHT, WIDTH = 60, 80


class Site:
    """One of several places where a task is annotated: a folder with the same two images."""

    def __init__(self, folder: Path, height: int = HEIGHT) -> None:
        folder.mkdir()
        self.output, self.now = folder / "people.json", 1000.0
        for name in ("a.png", "b.png"):
            cv2.imwrite(str(folder / name), np.zeros((height, WIDTH, 3), np.uint8))
        self.images = given_images([folder / "a.png", folder / "b.png"], folder / "frames", every=1)
        self.open()

    def open(self, given: str = "", *, points: bool = True) -> None:
        images = with_given_people(self.images, given, self.output, points=points) if given else self.images
        self.work = Workplace(images, self.output, copies=1, propose=None, clock=self._clock)

    def _clock(self) -> float:
        self.now += 1
        return self.now

    def act(self, who: str, image: str, *actions: Any) -> None:
        for action in actions:
            self.work.act({"who": who, "image": image, "action": action})

    def close(self) -> Path:
        self.work.write()
        self.work.close()
        return self.output


def box(number: int, side: int = 20) -> dict[str, Any]:
    return {"do": "box", "person": number, "box_4": [1, 1, 1 + side, 30]}


def joint(x: float) -> dict[str, Any]:
    return {"do": "keypoint", "person": 1, "joint": 0, "x": x, "y": 5, "visibility": 2}


DONE = {"do": "status", "status": "finished"}


def merged(*files: Path, output: Path) -> dict[str, Any]:
    job = Job(index=0, input="", output=str(output), stem="", together=tuple(map(str, files)))
    MergeAnnotations.check(MergeAnnotations.Config(), job)
    stage = MergeAnnotations(MergeAnnotations.Config())
    assert [one.path for one in stage(job)] == [str(output)]
    return dict(stage.summary())


def people(path: Path) -> list[tuple[str, str, tuple[float, ...]]]:
    made = read_dense_set(path)
    names = {one.id: one.file_name for one in made.images}
    return sorted((names[one.image], one.rest["dp_annotation"]["annotator"], one.box_4) for one in made.people)


def test_work_of_two_places_stands_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command; then the studio goes on with it."""
    one, other = Site(tmp_path / "one"), Site(tmp_path / "other")
    one.act("ann", "a.png", box(1), joint(4), DONE)
    other.act("bob", "b.png", box(1, 30), DONE)
    files = one.close(), other.close()
    output = tmp_path / "all.json"
    assert main([*map(str, files), "-c", "merge_annotations", "-o", str(output)]) == 0
    assert "merged files: 2, people: 2, conflicts: 0" in capsys.readouterr().err
    assert people(output) == [("a.png", "ann", (1, 1, 20, 29)), ("b.png", "bob", (1, 1, 30, 29))]
    assert not (tmp_path / "all.2.json").exists()
    with pytest.raises(StageError, match="this journal exists"):
        merged(*files, output=output)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(StageError, match="the output exists already"):
        merged(*files, output=tmp_path / "truth.json")
    one.output = output
    one.open()
    one.act("ann", "a.png", "undo")
    assert one.work.sheet("a.png", "ann").status == "open" and one.work.sheet("b.png", "bob").status == "finished"
    one.close()


def test_a_copy_that_went_on_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    one = Site(tmp_path / "one")
    one.act("ann", "a.png", box(1))
    one.close()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    one.open()
    one.act("ann", "a.png", joint(4), DONE)
    facts = merged(tmp_path / "copy" / "people.json", one.close(), output=tmp_path / "all.json")
    assert facts["conflicts"] == 0 and facts["people"] == 1
    (person,) = read_dense_set(tmp_path / "all.json").people
    assert person.rest["keypoints"][:3] == [4, 5, 2] and person.rest["dp_annotation"]["annotator"] == "ann"


def test_what_goes_apart_is_kept_twice_and_named(tmp_path: Path) -> None:
    one = Site(tmp_path / "one")
    one.act("ann", "a.png", box(1))
    one.close()
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    other = tmp_path / "other" / "people.json"
    one.open()
    one.act("ann", "a.png", joint(4), DONE)
    first = one.close()
    one.output = other
    one.open()
    one.act("ann", "a.png", joint(7), DONE)
    one.close()
    output = tmp_path / "all.json"
    facts = merged(first, other, output=output)
    sentence = f"a.png: the work of ann goes apart after 1 steps; that of {other} is kept as ann (2)"
    assert facts["conflicts"] == 1 and sentence in facts["notes"]
    assert (tmp_path / "all.conflicts.txt").read_text() == f"{sentence}\n"
    both = [read_dense_set(path).people[0] for path in (output, tmp_path / "all.2.json")]
    seen = {one.rest["dp_annotation"]["annotator"]: one.rest["keypoints"][0] for one in both}
    assert seen == {"ann": 4, "ann (2)": 7}
    one.open()
    one.act("ann", "a.png", joint(8))
    merged(output, one.close(), output=tmp_path / "again.json")  # it goes on with what is kept as ann (2)
    found = journal_tasks(tmp_path / "again.journal.sqlite").of_image("a.png")
    assert {who: history.sheet.people[1].keypoints[0].x for who, history in found.items()} == {"ann": 4, "ann (2)": 8}


def test_a_clock_that_was_set_back_changes_no_order(tmp_path: Path) -> None:
    one, other = Site(tmp_path / "one"), Site(tmp_path / "other")
    one.act("ann", "a.png", box(1))
    one.now -= 100
    one.act("ann", "a.png", joint(4), DONE)
    assert merged(one.close(), other.close(), output=tmp_path / "all.json")["people"] == 1


def test_other_images_of_the_same_name_are_refused(tmp_path: Path) -> None:
    one, other = Site(tmp_path / "one"), Site(tmp_path / "other", height=HEIGHT + 2)
    files = one.close(), other.close()
    with pytest.raises(StageError, match="60 pixels when its annotation began, and has 80×62"):
        merged(*files, output=tmp_path / "all.json")
    assert not (tmp_path / "all.journal.sqlite").exists()


def test_nothing_is_lost_of_random_work(tmp_path: Path) -> None:
    """Every history of both journals is in the merged one, with reviews that still name the right annotators."""
    paths = [tmp_path / "one.journal.sqlite", tmp_path / "other.journal.sqlite"]
    for seed, path in enumerate(paths):
        did, _ = random_entries(np.random.default_rng(seed), 150, undo_share=0.15, review_share=0.3)
        journal = WorkJournal(path, IMAGES, copies=2)
        for entry in did:
            journal.add(entry)
        journal.close()
    task = MergedTask()
    for path in paths:
        task.add([record for _, record in read_records(path)], path.name)
    assert task.conflicts
    merged(*paths, output=tmp_path / "all.json")
    found = journal_tasks(tmp_path / "all.journal.sqlite")
    for number, path in enumerate(paths):
        known = journal_tasks(path)
        for image in IMAGES:
            for who, history in known.of_image(image.name).items():
                names = [who] if not number else [f"{who} (2)", who]
                assert history in [found.history(image.name, name) for name in names]
    records = [record for path in paths for _, record in read_records(path)]
    assert len(read_records(tmp_path / "all.journal.sqlite")) == len(records) + 1  # a start of the program each


def test_the_given_file_goes_along(tmp_path: Path) -> None:
    """What nobody changed is in the merged file; another given file is refused."""
    source = Site(tmp_path / "source")
    source.act("eve", "a.png", box(1), DONE)
    source.act("eve", "b.png", box(1), DONE)
    given = source.close()
    sites = [Site(tmp_path / name) for name in ("one", "other")]
    for site, who, image in zip(sites, ("ann", "bob"), ("a.png", "b.png"), strict=True):
        site.work.close()
        site.open(str(given))
        site.work.open_image({"who": who, "image": image})
        site.act(who, image, joint(4), DONE)
    files = [site.close() for site in sites]
    facts = merged(*files, output=tmp_path / "all.json")
    assert facts["conflicts"] == 0
    made = read_dense_set(tmp_path / "all.json")
    assert [person.rest["keypoints"][:3] for person in made.people] == [[4, 5, 2]] * 2
    (tmp_path / "other" / "people.given.json").write_bytes(given.read_bytes() + b"\n")
    with pytest.raises(StageError, match="the work began with another file"):
        merged(*files, output=tmp_path / "again.json")
    assert not list(tmp_path.glob("again.given*"))  # else the next merge under this name would be refused


def test_names_that_are_no_utf_8_go_along(tmp_path: Path) -> None:
    """A conflict, the journal as text and the choice of hints name the image."""
    name, made, files = os.fsdecode(b"caf\xe9.png"), [], []
    for site in (Site(tmp_path / "one"), Site(tmp_path / "other")):
        site.work.close()
        (site.output.parent / "a.png").rename(site.output.parent / name)
        site.images = given_images([site.output.parent / name], site.output.parent / "frames", every=1)
        site.open()
        site.act("ann", name, box(1, 20 + len(files)), DONE)
        files.append(site.close())
    assert merged(*files, output=tmp_path / "all.json")["conflicts"] == 1
    job = Job(index=0, input="", output=str(tmp_path / "all.txt"), stem="", together=(str(tmp_path / "all.json"),))
    for _ in range(2):
        made += ReadJournal(ReadJournal.Config())(job)
    assert r"caf\udce9.png  box" in (tmp_path / "all.txt").read_text() and len(made) == 2
    assert has_hint(TaskList(images=(), hints="half"), name, "ann", 1) in (True, False)


def test_points_that_were_left_out_do_not_hinder_a_merge(tmp_path: Path) -> None:
    """Those of a DensePose-COCO file are on another body: `annotate.points=false` begins without them."""
    given, files = tmp_path / "given.json", []
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 20, 29], "dp_x": [9], "dp_y": [9]}
    images, persons = [{"id": 1, "file_name": "a.png"}], [{**person, "dp_I": [2], "dp_U": [0.5], "dp_V": [0.5]}]
    categories = [{"id": 1, "name": "person"}]
    given.write_text(json.dumps({"images": images, "annotations": persons, "categories": categories}))
    for who in ("ann", "bob"):
        site = Site(tmp_path / who)
        site.work.close()
        site.open(str(given), points=False)
        site.work.open_image({"who": who, "image": "a.png"})
        site.act(who, "a.png", joint(4), DONE)
        files.append(site.close())
    assert merged(*files, output=tmp_path / "all.json")["people"] == 1
    assert [one.points for one in read_dense_set(tmp_path / "all.2.json").people] == [None]
