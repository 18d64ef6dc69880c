"""What an annotator can do to an image: frozen actions, and their JSON in messages and in the journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from stages.studio.work.part_map import PixelMask

Origin = Literal["drawn", "proposed"]
"""Whether a person drew something, or accepted what the network proposed."""
PersonKind = Literal["person", "crowd", "not_person", "skipped"]
ImageStatus = Literal["open", "finished", "skipped"]
Verdict = Literal["surface", "hidden", "skipped", "open"]
"""The answer about a point: a place on the surface, no visible place, no answer wanted, not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBox:
    """A person's box is drawn or corrected; a new number makes a new person. `box_4`: x0, y0, x1, y1 in pixels."""

    tag: ClassVar[str] = "box"
    person: int
    box_4: tuple[float, float, float, float]
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A person is taken away; nobody else gets the number."""

    tag: ClassVar[str] = "remove"
    person: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKind:
    """What a box holds."""

    tag: ClassVar[str] = "kind"
    person: int
    kind: PersonKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """The pixels of a mask become a part of the person; part 0 erases."""

    tag: ClassVar[str] = "paint"
    person: int
    part: int
    mask: PixelMask
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutline:
    """The person's visible outline, with clothes and hair, replaces the one before."""

    tag: ClassVar[str] = "outline"
    person: int
    mask: PixelMask
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The pixels of a part that the annotator is asked about; they replace those before, with their answers.

    `auto`: the program chose them by itself, which is no step that anybody undoes.
    """

    tag: ClassVar[str] = "ask"
    person: int
    part: int
    pixels: tuple[tuple[int, int], ...]
    auto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer about one asked pixel.

    Attributes:
        number: index of the pixel among those asked of the part.
        chart, u, v: the place on the surface; 0 unless the verdict is `surface`.
        view: the view that was clicked, 0..5.
        hint: whether the network's guess was shown.
        origin: whether the annotator clicked the place, or took the network's.
        guess: chart, U and V that the network sees there, shown or not; known where chance decides on hints.
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
    """One of COCO's 17 keypoints. `visibility`: 2 visible, 1 hidden, 0 not in the image (x = y = 0)."""

    tag: ClassVar[str] = "keypoint"
    person: int
    joint: int
    x: float
    y: float
    visibility: int
    origin: Origin = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSides:
    """Left and right are exchanged: `part` and that of the other side with their points, or for 0 all of the person."""

    tag: ClassVar[str] = "swap"
    person: int
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus:
    """The image is finished, left out, or opened again."""

    tag: ClassVar[str] = "status"
    status: ImageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whose work a reviewed person is: `people` has each annotator's name and their number of the person."""

    tag: ClassVar[str] = "sources"
    person: int
    people: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """A reviewer decides whose answer stands.

    Attributes:
        item: what is decided: `person`, `kind`, `box`, `outline`, `part 3`, `point 3 0` (part, number), `joint 5`.
        choice: the annotator whose answer stands; empty: the reviewer gave a new one.
    """

    tag: ClassVar[str] = "decide"
    person: int
    item: str
    choice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBack:
    """A reviewer gives a person back to an annotator, with a note. `at`: seconds since 1970."""

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
"""Those that only a reviewer's messages make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Several changes that are made, and undone, in one step."""

    tag: ClassVar[str] = "together"
    actions: tuple[Change, ...]


Action = Change | SetStatus | Together


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What an annotator finds in an image and cannot undo: given boxes, parts and asked points."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOn:
    """An image that an annotator began is given to others. `by`: the annotator, or who leads the work."""

    by: str


ACTIONS: dict[str, type[Action]] = {
    made.tag: made
    for made in (
        *(SetBox, Remove, SetKind, Paint, SetOutline, Ask, Answer, SetKeypoint, SwapSides, SetStatus, Together),
        *REVIEW_ACTIONS,
    )
}


def action_record(action: Action) -> dict[str, Any]:
    """The JSON of an action: its tag and its fields."""
    if isinstance(action, Together):
        return {"do": action.tag, "actions": [action_record(one) for one in action.actions]}
    return {"do": action.tag, **asdict(action)}


def field_names(kind: type[Action]) -> set[str]:
    """Names of an action's fields."""
    return {one.name for one in fields(kind)}
