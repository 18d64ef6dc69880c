"""The annotated sets of a training: the user's own, and synthetic ones, drawn where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.stage import Job, Stage, StageError
from stages.annotations.densepose_coco import read_dense_set
from stages.synthetic.sparse_set import ANNOTATIONS, SparseSet
from stages.synthetic.synthesize import Synthesize
from stages.training.data.second_annotator import write_reannotated
from stages.training.data.simulated_fits import write_simulated_fits
from stages.training.distributed import chief_first
from stages.training.payloads import AnnotatedSet, AnnotatedSets, Round

FOLDERS = {"simulated_fits": "fitted"}
"""Folders of dense surfaces in a synthetic set, if their name differs from the supervision."""

ANNOTATOR = 0
"""Number of the simulated annotator: the seed of the errors of synthetic annotations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfig:
    """One set.

    Attributes:
        folder: of a synthetic set, which is drawn there if it is not there yet; empty for a set of your own.
        draw: which scenes of the synthetic world (`synthesize`).
        noise: of a synthetic set: its annotator's error, in multiples of the usual one. A set that exists with another
            error gets a second annotation file, of the same points.
        annotations, images: DensePose-COCO file and folder of images of a set of your own.
        dense: what supervises every pixel of a person: "truth" (the renderer's), "simulated_fits" (body fits to the
            images, with simulated errors), "densified" (a teacher's predictions: `densify`), or none.
        points: whether annotated points supervise.
        most_points: largest number of points of a person, always the same ones; None = all.
        share: of the images that are drawn, relative to the other sets' shares; a set of share 0 is left out.
        hold_out: keep one image in sixteen out of the training, for `before_after`.
    """

    folder: str = ""
    draw: Synthesize.Config = field(default_factory=Synthesize.Config)
    noise: float = 1.0
    annotations: str = ""
    images: str = ""
    dense: str = ""
    points: bool = True
    most_points: int | None = None
    share: float = 1.0
    hold_out: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a set without a place, an unknown supervision, or none at all."""
        if bool(self.folder) == bool(self.annotations):
            raise ValueError("give either a folder (a synthetic set) or annotations and images (your own)")
        if self.annotations and not self.images:
            raise ValueError("give the folder of the images, too")
        if self.dense not in ("", "truth", "simulated_fits", "densified"):
            raise ValueError(f"dense is {self.dense!r}; use truth, simulated_fits, densified or leave it empty")
        if self.annotations and self.dense in ("truth", "simulated_fits"):
            raise ValueError(f"only synthetic sets have dense surfaces of the kind {self.dense!r}")
        if self.share < 0 or (self.most_points or 0) < 0:
            raise ValueError("share and most_points must be at least 0")
        if not self.points and not self.dense:
            raise ValueError("nothing supervises: set points: true or dense")


class AnnotatedSetsStage(Stage):
    """Names the sets of a training; draws synthetic ones first where they are missing."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`sets`: by names of your choice."""

        sets: dict[str, SetConfig] = field(default_factory=dict)

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for annotations or images of a set of your own that are not there."""
        for name, one in config.sets.items():
            if not one.share:
                continue
            key = f"annotated_sets.sets.{name}"
            if one.annotations and not Path(one.annotations).is_file():
                raise StageError("there is no such file", f"{key}.annotations: {one.annotations}", "check the name")
            if one.images and not Path(one.images).is_dir():
                raise StageError("there is no such folder", f"{key}.images: {one.images}", "check the name")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError if no set is configured."""
        super().__init__(config, threads=threads)
        if not any(one.share for one in config.sets.values()):
            raise StageError("there are no sets to train on", "annotated_sets.sets", "name one")
        self._ready: AnnotatedSets | None = None

    def __call__(self, part: Round) -> Iterator[AnnotatedSets]:
        """The sets, ready to be read."""
        if self._ready is None:
            with chief_first():
                self._ready = AnnotatedSets(sets=tuple(prepared(one) for one in self.config.sets.values() if one.share))
        yield self._ready


def prepared(config: SetConfig) -> AnnotatedSet:
    """The set of a configuration, drawn if need be. Raises: StageError if it can be neither read nor written."""
    if config.annotations:
        dense = str(Path(config.annotations).with_suffix(".densified")) if config.dense else ""
        return AnnotatedSet(
            annotations=config.annotations, images=config.images, dense=dense, points=config.points,
            most_points=config.most_points, share=config.share, hold_out=config.hold_out,
        )
    folder = Path(config.folder)
    if not (folder / ANNOTATIONS).is_file():
        draw_synthetic_set(config, folder)
    annotations = annotated_by(config, folder)
    if config.dense == "simulated_fits":
        write_simulated_fits(folder, config.draw)
    return AnnotatedSet(
        annotations=str(annotations), images=str(folder / "images"),
        dense=str(folder / FOLDERS.get(config.dense, config.dense)) if config.dense else "", points=config.points,
        most_points=config.most_points, share=config.share, hold_out=config.hold_out,
    )


def draw_synthetic_set(config: SetConfig, folder: Path) -> None:
    """Draw and annotate the scenes of a set; its annotations are written last, so that a set is whole or absent."""
    job = Job(index=0, input="", output=None, stem=folder.name)
    source = Synthesize(config.draw)
    sink = SparseSet(SparseSet.Config(folder=str(folder), noise=config.noise, seed=ANNOTATOR))
    for frames, _, _, scene in source(job):
        for _ in sink(job, frames, scene):
            pass
    for _ in sink.flush():
        pass


def annotated_by(config: SetConfig, folder: Path) -> Path:
    """The annotations, with the configured error, of a set that exists.

    Raises: StageError for a set of another number of images than the configuration says.
    """
    own = folder / ANNOTATIONS
    found = read_dense_set(own)
    count = len(found.images)
    if count != config.draw.count:
        raise StageError(
            f"this set has {count} images, the configuration says {config.draw.count}", str(folder),
            "remove it, name another folder, or set draw.count",
        )
    if (found.rest["info"]["noise"], found.rest["info"]["seed"]) == (config.noise, ANNOTATOR):
        return own
    path = folder / f"annotations-{config.noise:g}-{ANNOTATOR}.json"
    if not path.is_file():
        write_reannotated(path, found, folder / "truth", noise=config.noise, annotator=ANNOTATOR)
    return path
