"""What people wear, as the tracker reads it to tell them apart: written only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from stages.people.appearance import appearance_of
from stages.results.formats.moment import Moment
from stages.results.formats.one_text import OneText
from stages.results.formats.writer import Target, Writer

REGION_NAMES = ("torso", "hands", "feet", "thighs", "shins", "upper_arms", "lower_arms", "head")
"""The regions of `stages.people.appearance`, in its order."""
LOOK_COLUMNS = (
    *("frame", "seconds", "person", "id"),
    *(f"{region}_{part}" for region in REGION_NAMES for part in ("red", "green", "blue", "share")),
)


def begin_looks(target: Target) -> Writer:
    """One table with a head."""
    return OneText(target, ".csv", look_lines, head=",".join(LOOK_COLUMNS) + "\n")


def look_lines(moment: Moment) -> Iterator[str]:
    """One line a person: mean colours 0..255 and share of the person's pixels, by region; not seen: no colours."""
    for i, surface in enumerate(moment.surfaces):
        identity = "" if moment.id_N[i] < 0 else f"{moment.id_N[i]}"
        cells = [f"{moment.index}", f"{moment.seconds:.6f}", f"{i}", identity]
        for red, green, blue, share in appearance_of(moment.rgb_HW3, surface).tolist():
            colours = [f"{255 * value:.1f}" for value in (red, green, blue)] if share else ["", "", ""]
            cells += [*colours, f"{share:.3f}"]
        yield ",".join(cells) + "\n"
