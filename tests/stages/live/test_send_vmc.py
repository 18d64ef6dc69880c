"""Avatars over VMC: what a receiver gets, compared with the files of an animation and with Unity's axes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.smpl_layout import SMPL_JOINTS
from models.animation.vmc_pose import VMC_BONES
from pipeline.stage import StageError
from stages.bodies.animate import Animate
from stages.live.payloads import Captured
from stages.live.send_vmc import SendVmc
from stages.payloads import Bodies, People
from tests.stages.bodies.made_bodies import grey_frames, made_body, recorded_by
from tests.stages.bodies.test_animate import job

FPS = 25


class Receiver:
    """Sockets on successive ports; what came is the last value of each message."""

    def __init__(self, count: int) -> None:
        while True:
            self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
            self.sockets[0].bind(("127.0.0.1", 0))
            self.port = self.sockets[0].getsockname()[1]
            try:
                for number in range(1, count):
                    self.sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    self.sockets[-1].bind(("127.0.0.1", self.port + number))
                return
            except OSError:
                self.close()

    def received(self, number: int) -> list[tuple[object, ...]]:
        """All messages at a port until now."""
        from pythonosc.osc_packet import OscPacket

        found, port = list[tuple[object, ...]](), self.sockets[number]
        port.setblocking(False)
        while True:
            try:
                packet = port.recv(65536)
            except BlockingIOError:
                return found
            assert len(packet) < 1400
            found += [(one.message.address, *one.message.params) for one in OscPacket(packet).messages]

    def bones(self, number: int) -> dict[str, np.ndarray]:
        """Place and rotation of each bone by its name, as they came last."""
        return {str(one[1]): np.array(one[2:], float) for one in self.received(number) if one[0] == "/VMC/Ext/Bone/Pos"}

    def close(self) -> None:
        for one in self.sockets:
            one.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    pytest.importorskip("pythonosc")
    made = Receiver(3)
    yield made
    made.close()


def send(stage: SendVmc, people: list[list[tuple[int, object]]], first: int = 0) -> None:
    bodies = Bodies.joined([Bodies.of_frame(one) for one in people])  # type: ignore[arg-type]
    stage(grey_frames(len(people), first), People.empty() if hasattr(People, "empty") else None, bodies)  # type: ignore[arg-type]


def test_avatars_move_as_the_people_of_the_file(tmp_path: Path, receiver: Receiver) -> None:
    """Two people stand still with bent arms: rotations equal those of the npz that an animation writes."""
    film = [[(4, made_body((-0.5, 0.1, 3.0), 20, 40)), (7, made_body((0.9, 0.1, 3.5), 0, 75))] for _ in range(30)]
    stage = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port}"))
    send(stage, film)
    animation, made = Animate(Animate.Config(lock_feet=False)), job(tmp_path, "both.npz")
    recorded_by(animation, made, grey_frames(30), Bodies.joined([Bodies.of_frame(one) for one in film]))
    list(animation.flush())
    for number, name in enumerate(("both.npz", "both.person_7.npz")):
        found = receiver.bones(number)
        assert set(found) == set(VMC_BONES)
        with np.load(tmp_path / name) as arrays:
            turn_J = Rotation.from_rotvec(arrays["poses"][-1].reshape(-1, 3))
        for bone, joint in VMC_BONES.items():
            if bone == "Hips":  # the file's first person faces the front
                continue
            x, y, z, w = turn_J[SMPL_JOINTS.index(joint)].as_quat()
            apart = Rotation.from_quat([x, -y, -z, w]).inv() * Rotation.from_quat(found[bone][3:])
            assert np.degrees(apart.magnitude()) < 1, bone
    assert stage.summary()["avatars"] == 60
    stage.close()


def test_the_axes_are_unitys(receiver: Receiver) -> None:
    """Somebody who faces the camera faces +z, left hand at −x, and stands on the floor; a turn to the left is seen."""
    stage = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port}", smoothing_s=0))
    send(stage, [[(1, made_body((0.4, 0.1, 3.0)))]])
    found = receiver.bones(0)
    assert found["Hips"][:3] == pytest.approx([-0.4, 0.95, -3.0], abs=0.1)
    assert Rotation.from_quat(found["Hips"][3:]).magnitude() < 0.05
    assert found["LeftUpperArm"][0] < -0.05 < 0.05 < found["RightUpperArm"][0]
    place, turn = chain(found, ["Hips", "Spine", "Chest", "UpperChest", "LeftShoulder", "LeftUpperArm", "LeftLowerArm"])
    assert place[0] < -0.6 and place[1] > 1 and turn is not None
    send(stage, [[(1, made_body((0.4, 0.1, 3.0), turn_deg=30))]], 1)
    ahead_3 = Rotation.from_quat(receiver.bones(0)["Hips"][3:]).apply([0, 0, 1])
    assert ahead_3 == pytest.approx([-np.sin(np.radians(30)), 0, np.cos(np.radians(30))], abs=0.02)
    stage.close()


def chain(bones: dict[str, np.ndarray], names: list[str]) -> tuple[np.ndarray, Rotation]:
    """The place and the rotation of the last bone in the world, in left-handed axes."""
    place_3, turn = bones[names[0]][:3], Rotation.from_quat(bones[names[0]][3:])
    for name in names[1:]:
        place_3 = place_3 + turn.apply(bones[name][:3])
        turn = turn * Rotation.from_quat(bones[name][3:])
    return place_3, turn


def test_smoothing_delays_by_its_time(receiver: Receiver) -> None:
    """An elbow that bends evenly is behind by the smoothing's 40 ms, less half a frame."""
    stage = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port}"))
    plain = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port + 1}", smoothing_s=0))
    for t in range(25):
        for one in (stage, plain):
            send(one, [[(1, made_body(bend_deg=3 * t))]], t)
    smooth, now = (Rotation.from_quat(receiver.bones(number)["LeftLowerArm"][3:]) for number in (0, 1))
    behind_s = np.degrees((now.inv() * smooth).magnitude()) / (3 * FPS)
    assert 0.015 < behind_s < 0.04
    for one in (stage, plain):
        one.close()


def test_moving_avatars_follow_the_file_within_60_ms(tmp_path: Path, receiver: Receiver) -> None:
    """Two people swing their forearms. What arrives equals the file of an earlier time: 40 ms, less half a frame.

    Time is since 1970, as of a live source, and is received to a millisecond.
    """
    first, count = 25 * 1_790_000_000, 50
    bend_T = 40 + 35 * np.sin(np.arange(count) / 6)
    film = [
        [(4, made_body((-0.5, 0.1, 3.0), 20, bend)), (7, made_body((0.9, 0.1, 3.5), 0, 90 - bend))] for bend in bend_T
    ]
    stage = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port}"))
    arrived: list[list[tuple[float, np.ndarray]]] = [[], []]
    for t, people in enumerate(film):
        send(stage, [people], first + t)
        for number, poses in enumerate(arrived):
            messages = receiver.received(number)
            (second,) = (float(one[1]) for one in messages if one[0] == "/VMC/Ext/T")  # type: ignore[arg-type]
            (elbow,) = (one for one in messages if one[1] == "LeftLowerArm")
            x, y, z, w = np.array(elbow[-4:], float)
            poses.append((second, Rotation.from_quat([x, -y, -z, w]).as_rotvec(degrees=True)))
    animation, made = Animate(Animate.Config(lock_feet=False)), job(tmp_path, "both.npz")
    recorded_by(animation, made, grey_frames(count), Bodies.joined([Bodies.of_frame(one) for one in film]))
    list(animation.flush())
    for poses, name in zip(arrived, ("both.npz", "both.person_7.npz"), strict=True):
        with np.load(tmp_path / name) as arrays:
            file_T3 = np.degrees(arrays["poses"].reshape(count, -1, 3)[:, SMPL_JOINTS.index("left_elbow")])
        second_T, arrived_T3 = (np.array(column) for column in zip(*poses, strict=True))
        np.testing.assert_allclose(second_T, np.arange(count) / FPS, atol=1e-3)
        delays = np.arange(0, 0.1, 0.002)
        apart = [
            np.linalg.norm(arrived_T3[10:-5] - at_times(file_T3, second_T[10:-5] - delay), axis=1).mean()
            for delay in delays
        ]
        assert min(apart) < 1.5, "degrees"
        assert 0.015 < delays[int(np.argmin(apart))] < 0.04
    stage.close()


def at_times(value_T3: np.ndarray, second_N: np.ndarray) -> np.ndarray:
    """Rows at any times, between the frames."""
    return np.stack([np.interp(second_N, np.arange(len(value_T3)) / FPS, column_T) for column_T in value_T3.T], axis=1)


def test_the_report_states_the_latency_of_avatars(receiver: Receiver) -> None:
    """From capture to sending; the first frame is left out, because networks were loaded before it."""
    stage = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port}"))
    body = Bodies.of_frame([(1, made_body())])
    for t, age_s in enumerate((5.0, -0.5, -0.5)):
        captured = Captured(captured_s=time.time() - age_s, received=t, dropped=0, reconnects=0)
        stage(grey_frames(1, t), None, body, captured)  # type: ignore[arg-type]
    assert stage.summary()["avatar_latency_ms"] == {"p50": 0.0, "p95": 0.0, "most": 0.0}
    captured = Captured(captured_s=time.time() + 60, received=4, dropped=0, reconnects=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stages.live.send_vmc.time.time", lambda: captured.captured_s + 0.25)
        stage(grey_frames(1, 3), None, body, captured)  # type: ignore[arg-type]
    assert stage.summary()["avatar_latency_ms"]["most"] == pytest.approx(250, abs=1)
    stage.close()


def test_ports_belong_to_people(receiver: Receiver) -> None:
    """A person who is not seen for two seconds gives the port to the next one; more people than ports are left out."""
    stage = SendVmc(SendVmc.Config(to=f"127.0.0.1:{receiver.port}", most_people=2))
    people = {name: made_body((0.5 * name, 0.1, 3.0)) for name in range(4)}
    send(stage, [[(name, people[name]) for name in (0, 1, 2)]])
    assert receiver.bones(0)["Hips"][0] == pytest.approx(0, abs=1e-6)
    assert receiver.bones(1)["Hips"][0] == pytest.approx(-0.5, abs=1e-6) and not receiver.received(2)
    send(stage, [[(1, people[1]), (3, people[3])]], FPS)  # one second later: person 0 keeps the port
    assert not receiver.received(0) and receiver.bones(1)
    send(stage, [[(1, people[1]), (3, people[3])]], 3 * FPS)
    messages = receiver.received(0)
    assert messages[0] == ("/VMC/Ext/OK", 0) and ("/VMC/Ext/OK", 1) in messages[1:]
    stage.close()


@pytest.mark.parametrize("to", ["127.0.0.1", "127.0.0.1:0", "http://a:1", "a:70000", "a:65530", ":5"])
def test_wrong_receivers_are_refused(to: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        SendVmc.Config(to=to)


def test_nothing_is_needed_where_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SendVmc.needs(SendVmc.Config()) == () and SendVmc.needs(SendVmc.Config(to="a:1")) == ("fit",)
    monkeypatch.setattr("stages.live.send_vmc.find_spec", lambda name: None)
    SendVmc.check_settings(SendVmc.Config())
    with pytest.raises(StageError, match="python-osc"):
        SendVmc.check_settings(SendVmc.Config(to="a:1"))
