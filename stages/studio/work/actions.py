"""The actions of annotators and reviewers, and their JSON in messages and in the journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from stages.studio.work.part_map import PixelMask

Origin = Literal["drawn", "proposed"]
"""Whether an annotator drew something, or accepted a proposal of the network."""
PersonKind = Literal["person", "crowd", "not_person", "skipped"]
ImageStatus = Literal["open", "finished", "skipped"]
Verdict = Literal["surface", "hidden", "skipped", "open"]
"""The answer to a point: a point on the surface; not visible in the views; skipped by the annotator; no answer yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBox:
    """Draw or correct a person's box; a new number makes a new person. `box_4`: x0, y0, x1, y1 in pixels."""

    tag: ClassVar[str] = "box"
    person: int
    box_4: tuple[float, float, float, float]
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Remove a person; their number is not used again."""

    tag: ClassVar[str] = "remove"
    person: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKind:
    """Set what a box contains."""

    tag: ClassVar[str] = "kind"
    person: int
    kind: PersonKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Paint the pixels of a mask with a part of the person; part 0 erases."""

    tag: ClassVar[str] = "paint"
    person: int
    part: int
    mask: PixelMask
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutline:
    """Draw the person's visible outline, with clothes and hair; it replaces an earlier outline."""

    tag: ClassVar[str] = "outline"
    person: int
    mask: PixelMask
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask for the surface points of pixels of a part; earlier pixels of the part and their answers are removed.

    `auto`: the program chose the pixels; the step cannot be undone.
    """

    tag: ClassVar[str] = "ask"
    person: int
    part: int
    pixels: tuple[tuple[int, int], ...]
    auto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer an asked point.

    Attributes:
        number: index of the point among those of the part.
        chart, u, v: the point on the surface; 0 unless the verdict is `surface`.
        view: the view that was clicked, 0..5.
        hint: whether the network's guess was shown.
        origin: whether the annotator clicked the point, or accepted the network's.
        guess: chart, U and V of the network's guess, shown or not; None unless chance decides on hints.
    """

    tag: ClassVar[str] = "answer"
    person: int
    part: int
    number: int
    verdict: Verdict
    chart: int = 0
    u: float = 0.0
    v: float = 0.0
    view: int = 0
    hint: bool = False
    origin: Origin = "drawn"
    guess: tuple[int, float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKeypoint:
    """Set one of COCO's 17 keypoints. `visibility`: 2 visible, 1 hidden, 0 not in the image (x = y = 0)."""

    tag: ClassVar[str] = "keypoint"
    person: int
    joint: int
    x: float
    y: float
    visibility: int
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSides:
    """Exchange left and right: a part and its points with those of the other side; part 0: the whole person."""

    tag: ClassVar[str] = "swap"
    person: int
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus:
    """Finish an image, leave it out (`skipped`), or open it again."""

    tag: ClassVar[str] = "status"
    status: ImageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Set the annotators of a reviewed person: `people` has their names and their numbers of the person."""

    tag: ClassVar[str] = "sources"
    person: int
    people: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Decide a disagreement.

    Attributes:
        item: `person`, `kind`, `box`, `outline`, `part 3`, `point 3 0` (part, number) or `joint 5`.
        choice: the annotator whose answer is correct; empty: the reviewer gave their own answer.
    """

    tag: ClassVar[str] = "decide"
    person: int
    item: str
    choice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBack:
    """Send a person back to an annotator, with a note. `at`: seconds since 1970."""

    tag: ClassVar[str] = "send_back"
    person: int
    annotator: str
    note: str
    at: float


Change = (
    SetBox | Remove | SetKind | Paint | SetOutline | Ask | Answer | SetKeypoint | SwapSides
    | Sources | Decide | SendBack
)
"""An action on a person."""
REVIEW_ACTIONS = (Sources, Decide, SendBack)
"""The actions that only reviewers can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """Several changes that are made and undone in one step."""

    tag: ClassVar[str] = "together"
    actions: tuple[Change, ...]


Action = Change | SetStatus | ChangeGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The actions that make the sheet with which an annotator begins; they cannot be undone."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOn:
    """Hand a begun image on to other annotators. `by`: the annotator, or the leader."""

    by: str


ACTIONS: dict[str, type[Action]] = {
    made.tag: made
    for made in (
        *(SetBox, Remove, SetKind, Paint, SetOutline, Ask, Answer, SetKeypoint, SwapSides, SetStatus, ChangeGroup),
        *REVIEW_ACTIONS,
    )
}


def action_record(action: Action) -> dict[str, Any]:
    """The JSON of an action: its tag and its fields."""
    if isinstance(action, ChangeGroup):
        return {"do": action.tag, "actions": [action_record(change) for change in action.actions]}
    return {"do": action.tag, **asdict(action)}


def field_names(kind: type[Action]) -> set[str]:
    """Names of an action's fields."""
    return {field.name for field in fields(kind)}
