"""The states of all people of a film, from their fitted bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from models.arrays import Float
from models.body.body_pose import posed_keypoints
from models.body.fitted_body import FittedBody
from models.motion.postures import PersonStates, StateChange, posture_of


class PeopleStates:
    """The states of people by identity, from frame to frame.

    Attributes:
        people: those who were seen lately.
        last: time of the last frame.
    """

    def __init__(self, up_3: Float) -> None:
        """Nobody. `up_3`: the up direction in the camera's axes, of length 1."""
        self.people: dict[int, PersonStates] = {}
        self.last = 0.0
        self._up_3 = up_3

    def next_changes(self, second: float, seen: Mapping[int, FittedBody]) -> Iterator[tuple[int, StateChange]]:
        """The changes that are known with the next frame, each with its identity.

        Args:
            second: time of the frame.
            seen: the fitted bodies by identity.
        """
        before, self.last = self.last, second
        for identity, body in seen.items():
            posture = posture_of(posed_keypoints(body.pose), body.confidence_J, self._up_3)
            states = self.people.setdefault(identity, PersonStates())
            yield from ((identity, change) for change in states.next_changes(second, posture, before))
        for identity in set(self.people) - set(seen):
            yield from ((identity, change) for change in self.people[identity].changes_without(second))
            if self.people[identity].is_lost(second):
                del self.people[identity]
