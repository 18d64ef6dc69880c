"""Avatars over VMC: bones of a person as OSC messages, and one stream of UDP packets for each person.

Source of the protocol: VirtualMotionCapture Protocol 2.1 (Marionette to Performer).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.animation.vmc_pose import VmcPose, blended_pose
from models.body.fitted_body import FittedBody

FORGET_S = 2.0
"""Seconds after which the port of a person who is not seen is free."""
MESSAGES = 12
"""Number of messages in a packet: about 1,000 bytes, which no network splits."""
ROOT = "root"
"""The name of the avatar's root, which stays at the origin."""


@dataclass(slots=True, kw_only=True)
class _Avatar:
    """The stream of a person: the index of the port, and what was sent last."""

    slot: int
    second: float
    pose: VmcPose


@dataclass(slots=True, kw_only=True)
class VmcStreams:
    """Sends people to a host: the first one to `port`, others to the ports after it.

    Attributes:
        host, port: of the receiver of the first person.
        smoothing_s: the mean delay of the smoothed poses, seconds; 0 sends poses as they are.
        most_people: maximum number of people at a time.
    """

    host: str
    port: int
    smoothing_s: float
    most_people: int
    sent: int = 0
    _start_s: float | None = None
    _socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    _avatars: dict[int, _Avatar] = field(default_factory=dict)

    def send(self, second: float, people: Mapping[int, FittedBody]) -> None:
        """Send the bodies of a frame, by identity. Raises OSError if the network cannot be used.

        The time that is sent counts from the first frame: floats of OSC have 32 bits, too few for seconds since 1970.
        """
        self._start_s = second if self._start_s is None else self._start_s
        for identity, avatar in list(self._avatars.items()):
            if identity not in people and second - avatar.second > FORGET_S:
                del self._avatars[identity]
                self._send(avatar.slot, [("/VMC/Ext/OK", 0)])
        for identity, body in people.items():
            known = self._avatar(identity, body, second)
            if known is not None:
                self._send(known.slot, _messages(known.pose, second - self._start_s))
                self.sent += 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _avatar(self, identity: int, body: FittedBody, second: float) -> _Avatar | None:
        """The stream of a person with the pose of this frame; None if all ports are taken."""
        pose, known = VmcPose.of_body(body), self._avatars.get(identity)
        if known is None:
            free = sorted(set(range(self.most_people)) - {one.slot for one in self._avatars.values()})
            if not free:
                return None
            self._avatars[identity] = _Avatar(slot=free[0], second=second, pose=pose)
            return self._avatars[identity]
        if self.smoothing_s > 0:
            share = 1 - float(np.exp(-max(second - known.second, 0) / self.smoothing_s))
            pose = blended_pose(known.pose, pose, share)
        known.second, known.pose = second, pose
        return known

    def _send(self, slot: int, messages: list[tuple[Any, ...]]) -> None:
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
        from pythonosc.osc_message_builder import OscMessageBuilder

        for first in range(0, len(messages), MESSAGES):
            bundle = OscBundleBuilder(IMMEDIATELY)
            for address, *values in messages[first : first + MESSAGES]:
                message = OscMessageBuilder(str(address))
                for value in values:
                    message.add_arg(value)
                bundle.add_content(message.build())
            self._socket.sendto(bundle.build().dgram, (self.host, self.port + slot))


def _messages(pose: VmcPose, second: float) -> list[tuple[Any, ...]]:
    """The messages of a frame: all is well, the time, the root, and each bone."""
    head: list[tuple[Any, ...]] = [
        ("/VMC/Ext/OK", 1), ("/VMC/Ext/T", float(second)),
        ("/VMC/Ext/Root/Pos", ROOT, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    ]
    bones = zip(pose.names, pose.place_J3.tolist(), pose.turn_J4.tolist(), strict=True)
    return head + [("/VMC/Ext/Bone/Pos", name, *place_3, *turn_4) for name, place_3, turn_4 in bones]
