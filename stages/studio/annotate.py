"""Source: a page on which people annotate images; the result is a DensePose-COCO file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.cache import user_path
from models.files.atomic_file import atomic_write
from models.inference.network_check import check_network
from models.inference.open_network import fetch_weights
from models.network import NetworkConfig
from pipeline.stage import Job, Stage, StageError
from stages.annotations.coco_people import read_people
from stages.live.page_access import new_token, token_for
from stages.live.payloads import Gauges
from stages.payloads import Written
from stages.studio.annotation_check import check_pictures
from stages.studio.given_images import check_media, given_images
from stages.studio.given_people import DENSEPOSE, with_given_people
from stages.studio.gold_items import MAX_GOLD_SHARE, with_gold
from stages.studio.proposals import Proposer
from stages.studio.studio_files import GivenImage, first_notes, frames_folder, known_journal
from stages.studio.studio_page import StudioPage
from stages.studio.synthetic_task import SyntheticTask, synthetic_images
from stages.studio.work.task_list import HintRule
from stages.studio.workplace import Workplace

ATLAS = "UV_Processed.mat"
POLL_S = 0.3
"""Seconds between two looks at the number of finished images."""


class Annotate(Stage):
    """Serves the page until the run is stopped. The journal has every action before the page receives an answer."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        task: `images`: annotate the images of the command line; `synthetic`: annotate people of the synthetic world,
            whose truth is known, to measure annotators.
        synthetic: the people of a synthetic task. Its world, seed, height and width also apply to gold items.
        check: draw the annotations of the result and list what looks wrong; the page is not served.
        network: proposes boxes, parts and keypoints; the shared section.
        propose: whether the network proposes anything.
        annotations: a COCO or DensePose-COCO file of these images to go on with; empty: the file of the first start.
        points: whether surface points of that file are used.
        body: converts points of that file to the open body: `densepose`, or a folder with DensePose's
            UV_Processed.mat, which is a little more exact; empty: the points are on the open body.
        every: of a video, every n-th frame is annotated.
        copies: number of annotators of each image.
        gold: share of gold items, hidden among the images; they never enter the result.
        hints: `choice`: annotators switch the network's guess on and off; `half`: it is shown for a random half of the
            people, so that its bias can be measured.
        host: address of the page; all but loopback addresses require a token.
        port: of the page.
        token: required of annotators; None: none on a loopback address, else a random one. With a token, each
            annotator's name belongs to the browser that entered it first.
        review_token: required of reviewers; None: a random one where there is a token.
        seconds: close the page after this time; None: when the run is stopped.
        """

        task: Literal["images", "synthetic"] = "images"
        synthetic: SyntheticTask = field(default_factory=SyntheticTask)
        check: bool = False
        network: NetworkConfig = field(default_factory=NetworkConfig)
        propose: bool = True
        annotations: str = ""
        points: bool = True
        body: str = ""
        every: int = 25
        copies: int = 1
        gold: float = 0.0
        hints: HintRule = "choice"
        host: str = "127.0.0.1"
        port: int = 8766
        token: str | None = None
        review_token: str | None = None
        seconds: float | None = None

        def __post_init__(self) -> None:
            """Makes a token where one is required. Raises ValueError for a number out of range."""
            if not self.host:
                raise ValueError("host is empty, must be an address of this machine, or 0.0.0.0 for all it has")
            if not 1 <= self.port <= 65535:
                raise ValueError(f"port is {self.port}, must be from 1 to 65535")
            if self.every < 1:
                raise ValueError(f"every is {self.every}, must be 1 or more")
            if not 1 <= self.copies <= 9:
                raise ValueError(f"copies is {self.copies}, must be from 1 to 9")
            if not 0 <= self.gold <= MAX_GOLD_SHARE or (self.gold and self.task == "synthetic"):
                limits = f"from 0 to {MAX_GOLD_SHARE:g}, and 0 for a synthetic task"
                raise ValueError(f"gold is {self.gold:g}, must be {limits}")
            if self.hints == "half" and not self.propose:
                raise ValueError("hints is half, which needs propose: true")
            object.__setattr__(self, "token", token_for(self.host, self.token))
            if self.review_token is None and self.token is not None:
                object.__setattr__(self, "review_token", new_token())
            if self.review_token is not None and self.review_token == self.token:
                raise ValueError("review_token is the token of annotators, must be another one")

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for weights and a device that the network cannot use."""
        if config.propose and not config.check:
            check_network(config.network)

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Fetch the network's weights."""
        if config.propose and not config.check:
            fetch_weights(config.network)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for missing inputs, inputs that are neither images nor videos, missing annotations, a
        result of another kind, and an existing result without a journal."""
        if config.task == "synthetic" and job.together:
            raise StageError("a synthetic task makes its own images", job.together[0], "leave the inputs out")
        if config.task == "images" and not job.together:
            raise StageError("no input", "command line", "name images, or a folder of images")
        for path in job.together:
            check_media(Path(path))
        if config.annotations and not Path(config.annotations).is_file():
            remedy = "check the name and the current folder"
            raise StageError("this file does not exist", f"annotate.annotations: {config.annotations}", remedy)
        if config.body and config.body != DENSEPOSE and not (user_path(config.body) / ATLAS).is_file():
            remedy = f"set it to {DENSEPOSE}, or to the folder of this file of DensePose"
            raise StageError(f"there is no {ATLAS}", f"annotate.body: {config.body}", remedy)
        output = Path(job.output or "")
        if config.check:
            if not output.exists():
                raise StageError("this file does not exist", str(output), "-o names the annotations to check")
            return
        if output.suffix.lower() != ".json":
            raise StageError("annotations are written as a .json file", str(output), "name such a file with -o")
        if output.exists() and known_journal(output) is None and not job.overwrite:
            remedy = "name another file with -o, or give --overwrite to replace it"
            raise StageError("this file exists, and there is no journal beside it to go on with", str(output), remedy)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing is opened: the page starts with the first call."""
        super().__init__(config, threads=threads)
        self._workplace: Workplace | None = None
        self._page: StudioPage | None = None
        self._output = ""
        self._facts: dict[str, Any] = {}

    def __call__(self, job: Job) -> Iterator[Gauges | Written]:
        """Serve the page. Yields the number of finished images at short intervals, then the result.

        Raises: StageError for an image that cannot be read, a damaged journal, and a port that is in use.
        """
        self._output = job.output or "people.json"
        output = Path(self._output)
        images = self._images(job, output)
        if self.config.check:
            yield self._checked(images, output)
            return
        propose = Proposer(self.config.network, self.threads) if self.config.propose else None
        self._workplace = Workplace(
            images, output, copies=self.config.copies, propose=propose, hints=self.config.hints
        )
        self._page = StudioPage(
            self.config.host, self.config.port, self.config.token, self._workplace, self.config.review_token
        )
        started = time.monotonic()
        while self.config.seconds is None or time.monotonic() - started < self.config.seconds:
            time.sleep(POLL_S)
            yield Gauges(gauges={"finished_images": self._workplace.finished()})
        yield self._written()

    def _images(self, job: Job, output: Path) -> list[GivenImage]:
        if self.config.task == "synthetic":
            return synthetic_images(self.config.synthetic, output)
        images = given_images([Path(path) for path in job.together], frames_folder(output), self.config.every)
        found = with_given_people(
            images, self.config.annotations, output, points=self.config.points, body=self.config.body
        )
        return found if self.config.check else with_gold(found, self.config.gold, self.config.synthetic, output)

    def _checked(self, images: list[GivenImage], output: Path) -> Written:
        """Write pictures of the annotations and a list of findings. Raises StageError without annotations."""
        folder = output.with_name(f"{output.stem}.check")
        checked = list(check_pictures(read_people(output, unfinished=True), images, folder))
        if not checked:
            remedy = "paint parts or set points first, or name another file with -o"
            raise StageError("no person of this file has parts or points to check", str(output), remedy)
        wrong = [f"{name}: {text}\n" for name, text in checked if text]
        with atomic_write(folder / "findings.txt") as draft:
            draft.write_text("".join(wrong) or "nothing looks wrong\n", encoding="utf-8", errors="backslashreplace")
        note = f"check: {len(wrong)} of {len(checked)} people look wrong; {folder / 'findings.txt'} says where"
        self._facts = {"people": len(checked), "people_with_findings": len(wrong), "notes": [note]}
        return Written(path=str(folder), frames=0)

    def addresses(self) -> Sequence[str]:
        """The addresses of the page, for annotators and for reviewers."""
        if self._page is None:
            return ()
        page = self._page.address("/", self.config.token)
        review = self._page.address("/review", self.config.review_token)
        return f"annotate at {page} and stop with Ctrl-C", f"review finished images at {review}"

    def interrupt(self) -> Iterator[Written]:
        """Write the result when the run is stopped, the usual end of annotation."""
        if self._workplace is not None:
            yield self._written()

    def summary(self) -> Mapping[str, Any]:
        """Number of annotated people, and the notes that are printed at the end."""
        return self._facts

    def close(self) -> None:
        """Stop the page."""
        if self._page is not None:
            self._page.close()
        if self._workplace is not None:
            self._workplace.close()

    def _written(self) -> Written:
        assert self._workplace is not None
        people = self._workplace.write()
        left_out = self._workplace.left_out()
        done = f"finished images: {self._workplace.finished()}, people: {people}"
        self._facts = {"people": people, "notes": [done, *first_notes(left_out, "see the images at /review")]}
        return Written(path=self._output, frames=0)
