"""Sentences on an animation: where people are hidden, and which parts of their bodies nobody saw."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.animation.animation_clip import AnimationClip
from models.animation.mocap_files import MOCAP_SUFFIXES
from models.animation.presence import shown_spans

STATES_TIMES = (".bvh", ".vrma")
"""Kinds of files that contain only the frames of one person and cannot hide it."""
NAMED = 4
"""Maximum number of people, and of gaps of a person, that are named."""


def presence_notes(clip: AnimationClip, suffix: str) -> list[str]:
    """Sentences for files that cannot hide a person: when each begins in the video, and where the person is hidden.

    Args:
        clip: the animation.
        suffix: the ending of the result's name.
    """
    if suffix not in (*STATES_TIMES, *MOCAP_SUFFIXES):
        return []
    notes = []
    for name, motion in clip.motion_of.items():
        spans, second_T = shown_spans(motion.shown()), motion.second_T
        gaps = [
            f"{second_T[last] - second_T[0]:.2f} to {second_T[first] - second_T[0]:.2f} s"
            for (_, last), (first, _) in pairwise(spans)
        ]
        late = float(second_T[0]) - clip.start
        if late > 0.0005:
            notes.append(f"the file of {name} begins {late:.2f} s after that of the first person who is seen")
        if gaps and suffix in STATES_TIMES:
            more = f" and {len(gaps) - NAMED} more" if len(gaps) > NAMED else ""
            where = f"from {', '.join(gaps[:NAMED])}{more} of the file"
            notes.append(f"{name} is not visible {where}: there it is interpolated: {suffix} cannot hide a body")
    return notes if len(notes) <= NAMED else [*notes[:NAMED], f"… and {len(notes) - NAMED} more of these notes"]


def unseen_notes(clip: AnimationClip) -> list[str]:
    """A sentence for each of the first people of whom parts of the body are never seen."""
    found = [
        f"{', '.join(parts)} of {name} {'are' if len(parts) > 1 else 'is'} never seen: the pose there is a usual one"
        for name, parts in clip.unseen_parts_of.items() if parts
    ]
    return found if len(found) <= NAMED else [*found[:NAMED], f"… and of {len(found) - NAMED} further people"]


def contact_notes(clip: AnimationClip) -> list[str]:
    """A sentence: the share of frames in which a foot of each of the first people is locked to the floor."""
    shares = [
        f"{name} {np.any(contact_TP[shown_T], axis=1).mean():.0%}"
        for name, contact_TP in clip.contact_of.items()
        if (shown_T := clip.motion_of[name].shown()).any()
    ]
    if not shares:
        return []
    more = f" and {len(shares) - NAMED} more" if len(shares) > NAMED else ""
    return [f"a foot is locked to the floor in this share of frames: {', '.join(shares[:NAMED])}{more}"]


def up_warnings(clip: AnimationClip) -> list[str]:
    """A sentence if the up direction is uncertain."""
    if clip.up_is_sure:
        return []
    return ["which direction is up is uncertain; animate.up=camera (it is not tilted) or body (people stand) decides"]
