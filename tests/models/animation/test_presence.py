"""Bodies are visible exactly in their frames: in the file's numbers, in Blender, and in three.js."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.animation.animation_clip import AnimationClip, RigSettings, clip_as_gltf, clip_as_gltf_files
from models.animation.presence import presence_in_video, visibility_keys
from models.body.body_motion import BRIDGED, HIDDEN, SEEN, BodyMotion
from tests.models.animation.clips import dressed, library_motion
from tests.models.animation.node_packages import node_packages
from tests.models.animation.test_blender import shown_by_blender
from tests.models.animation.test_gltf_writer import array, document, validated

FPS = 24.0
SPANS = {"person_1": (0, 12), "person_2": (12, 20), "person_3": (20, 30)}
"""Three shots with a person each. Person 3 is hidden in two frames, too."""
GAP = (24, 26)


def shot_motion(first: int, last: int) -> BodyMotion:
    motion = library_motion(last - first, FPS)
    return replace(motion, second_T=3 + np.arange(first, last) / FPS)


@pytest.fixture(scope="module")
def three_shots() -> AnimationClip:
    motions = {name: shot_motion(*span) for name, span in SPANS.items()}
    presence_T = motions["person_3"].presence_T.copy()
    presence_T[GAP[0] - 20 : GAP[1] - 20] = HIDDEN
    motions["person_3"] = replace(motions["person_3"], presence_T=presence_T)
    return AnimationClip(motion_of=motions, cuts=[3 + 12 / FPS, 3 + 20 / FPS])


@pytest.fixture(scope="module")
def film(three_shots: AnimationClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("presence") / "film.glb"
    path.write_bytes(clip_as_gltf(dressed(three_shots), RigSettings()))
    return path


def shown_in_frames() -> np.ndarray:
    """Whether each person is visible in each frame of the film."""
    shown_TA = np.array([[first <= t < last for first, last in SPANS.values()] for t in range(30)])
    shown_TA[GAP[0] : GAP[1], 2] = False
    return shown_TA


def test_short_gaps_are_bridged_and_long_ones_hide_the_person() -> None:
    film_F = np.arange(60) / 25
    seen = np.r_[5:10, 22:30, 43:50]  # 12 frames without the person, which is .48 s, and 13, which is .52 s
    found = presence_in_video(film_F[seen], np.isin(seen, [8, 44]), film_F, bridge_s=0.5)
    expected = np.full(60, HIDDEN)
    expected[seen], expected[10:22], expected[[8, 44]] = SEEN, BRIDGED, BRIDGED
    assert found.tolist() == expected.tolist()


def test_frames_that_are_long_are_no_gap() -> None:
    """Somebody in every frame of a video with one frame in two seconds."""
    film_F = np.arange(5) * 2.0
    assert presence_in_video(film_F, np.zeros(5, bool), film_F, bridge_s=0.5).tolist() == [SEEN] * 5


def test_visibility_changes_at_the_times_of_frames() -> None:
    second_T, shown_T = 4 + np.arange(10) / 10, np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 1], bool)
    second_K, visible_K = visibility_keys(second_T, shown_T, start=3.0, end=6.0)
    assert second_K == pytest.approx([0, 1.0, 1.2, 1.5, 2.0]) and visible_K.tolist() == [0, 1, 0, 1, 0]
    always_K = visibility_keys(second_T, np.ones(10, bool), start=4.0, end=4.9)[1]
    assert always_K.tolist() == [True]


def test_the_files_scales_hide_bodies_outside_of_their_frames(film: Path) -> None:
    found, binary = document(film)
    (clip,) = found["animations"]
    roots = [skin["joints"][0] for skin in found["skins"]]
    keys_of = {}
    for channel in clip["channels"]:
        sampler, target = clip["samplers"][channel["sampler"]], channel["target"]
        if target["path"] in ("scale", "pointer"):
            assert sampler["interpolation"] == "STEP"
            place = target["node"] if "node" in target else target["extensions"]["KHR_animation_pointer"]["pointer"]
            keys_of[place] = [array(found, binary, sampler[key]) for key in ("input", "output")]
    for person, root in enumerate(roots):
        skin = next(number for number, node in enumerate(found["nodes"]) if node.get("skin") == person)
        pointer = f"/nodes/{skin}/extensions/KHR_node_visibility/visible"
        for time, value in (keys_of[root], keys_of[pointer]):
            key_T = np.searchsorted(time[:, 0], np.arange(30) / FPS + 1e-3) - 1
            np.testing.assert_array_equal(value[key_T, 0], shown_in_frames()[:, person])
    assert set(found["extensionsUsed"]) == {"KHR_node_visibility", "KHR_animation_pointer"}
    assert "extensionsRequired" not in found


def test_blender_shows_bodies_exactly_in_their_frames(film: Path) -> None:
    found = shown_by_blender(film.parent, [film.name], FPS, 640, 360)[film.name]
    assert len(found["sizes"]) == 30
    np.testing.assert_array_equal(found["sizes"] > 0.5, shown_in_frames())
    assert found["sizes"][~shown_in_frames()].max() < 1e-3


def within_frames(frames: int) -> np.ndarray:
    """A second in each frame; three.js plays the clip again after its end, which is the time of the last frame."""
    return np.minimum(np.arange(frames) / FPS + 1e-3, (frames - 1) / FPS - 1e-4)


def sizes_in_three(path: Path, clip: str, seconds: np.ndarray) -> np.ndarray:
    """Extents (T, A) of the skins in three.js."""
    script, modules = Path(__file__).with_name("shown_sizes.mjs"), node_packages("three")
    words = ["node", script, modules / "three", path, clip, *(f"{second:.5f}" for second in seconds)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout))


@pytest.fixture
def no_texture(three_shots: AnimationClip, tmp_path: Path) -> Path:
    """Files without a texture: Node.js decodes no images."""
    for each, name in ((False, "film"), (True, "shots")):
        settings = RigSettings(clip_each_shot=each)
        (tmp_path / f"{name}.glb").write_bytes(clip_as_gltf(three_shots, settings))
    return tmp_path


def test_three_js_shows_bodies_exactly_in_their_frames(no_texture: Path) -> None:
    sizes_TA = sizes_in_three(no_texture / "film.glb", "take", within_frames(30))
    np.testing.assert_array_equal(sizes_TA > 0.5, shown_in_frames())
    assert sizes_TA[~shown_in_frames()].max() < 1e-3


def test_a_clip_of_each_shot_begins_at_its_start_and_shows_its_people_only(no_texture: Path) -> None:
    for number, (first, last) in enumerate(SPANS.values(), 1):
        sizes_TA = sizes_in_three(no_texture / "shots.glb", f"shot_{number}", within_frames(last - first))
        np.testing.assert_array_equal(sizes_TA > 0.5, shown_in_frames()[first:last])


@pytest.mark.parametrize("each", [False, True], ids=["video", "shots"])
def test_the_validator_finds_nothing_wrong(three_shots: AnimationClip, tmp_path: Path, each: bool) -> None:
    path = tmp_path / "film.glb"
    settings = RigSettings(skeleton="mixamo", clip_each_shot=each)
    path.write_bytes(clip_as_gltf(dressed(three_shots), settings))
    report = validated(path)
    assert report["issues"]["numErrors"] == report["issues"]["numWarnings"] == 0, report["issues"]["messages"]
    assert report["info"]["animationCount"] == (3 if each else 1)


def test_files_of_each_person_have_plain_names_and_the_times_of_the_film(three_shots: AnimationClip) -> None:
    files = clip_as_gltf_files(three_shots, RigSettings(skeleton="mixamo"))
    assert list(files) == list(SPANS)
    for name, (first, _) in SPANS.items():
        assert b'"mixamorig:Hips"' in files[name] and b"person_1_" not in files[name]
        text = files[name][20 : 20 + int.from_bytes(files[name][12:16], "little")]
        found = json.loads(text)
        (clip,) = found["animations"]
        moved = next(one["sampler"] for one in clip["channels"] if one["target"]["path"] == "translation")
        first_key = found["accessors"][clip["samplers"][moved]["input"]]["min"]
        assert first_key == pytest.approx([first / FPS], abs=1e-6)
