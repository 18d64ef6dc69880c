"""BVH files: places of joints against hand calculation, and files that are not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.animation.bvh_reader import parsed_bvh, read_bvh
from models.body.skeletal_motion import posed_skeleton
from models.errors import ModelError

pytestmark = pytest.mark.quick

ARM = """HIERARCHY
ROOT hip
{
  OFFSET 1 2 3
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT elbow
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {
      OFFSET 5 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.025
0 0 0 0 0 0 0 0 0
100 0 0 90 0 0 0 0 90
"""


def test_places_are_those_calculated_by_hand() -> None:
    motion = parsed_bvh(ARM.encode())
    assert motion.names == ("hip", "elbow", "elbow end")
    assert motion.parent_J.tolist() == [-1, 0, 1]
    assert motion.frame_time == 0.025
    _, placed = posed_skeleton(motion)
    np.testing.assert_allclose(placed[0], [[1, 2, 3], [1, 12, 3], [6, 12, 3]], atol=1e-5)
    # A quarter turn about z takes up to −x and x to up; the elbow's turn about x leaves its x axis.
    np.testing.assert_allclose(placed[1], [[101, 2, 3], [91, 2, 3], [91, 7, 3]], atol=1e-5)


def test_names_and_line_ends_of_other_programs_are_read() -> None:
    motion = parsed_bvh(ARM.replace("elbow", "MOTION_arm").replace("\n", "\r\n").replace("  ", "\t").encode())
    assert motion.names[1] == "MOTION_arm" and len(motion.position_T3) == 2


def test_channels_turn_in_the_order_in_which_they_are_named() -> None:
    turned, _ = posed_skeleton(parsed_bvh(ARM.replace("100 0 0 90 0 0", "0 0 0 90 90 0").encode()))
    # Z then X: the columns are the images of x, y, z.
    np.testing.assert_allclose(turned[1, 0], [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\nMOTION", "\nMOVE", "no MOTION part"),
        ("HIERARCHY", "TREE", "does not begin with HIERARCHY"),
        ("Frames: 2", "Frames: 3", "18 values for 3 frames"),
        ("Frames: 2", "Frames: 1000000000000", "more than 524288 frames of 3 joints"),
        ("100 0 0", "nan 0 0", "not finite"),
        ("0.025", "0", "states 2 frames of 0.0 s"),
        ("Xposition", "Xscale", "unknown channels"),
        ("OFFSET 0 10 0", "OFFSET 0 10 up", "could not convert"),
        ("JOINT elbow", "ROOT elbow", "exactly one ROOT"),
        ("      OFFSET 5 0 0\n    }", "      OFFSET 5 0 0\n", "ends too early"),
        ("}\nMOTION", "} } }\nMOTION", "not opened"),
    ],
)
def test_files_that_are_not_whole_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in ARM
    (tmp_path / "arm.bvh").write_text(ARM.replace(old, new, 1))
    with pytest.raises(ModelError, match=f"arm.bvh: .*{said}"):
        read_bvh(tmp_path / "arm.bvh")


def test_a_file_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "arm.bvh").write_bytes(b"\xff\xfe\x00" * 9)
    with pytest.raises(ModelError, match="cannot be read"):
        read_bvh(tmp_path / "arm.bvh")
