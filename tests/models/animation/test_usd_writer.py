"""USDZ files, read by Pixar's own skinning and by Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.animation.rig_motion import rig_motion
from models.animation.skeletons import SkeletonName
from models.animation.usd_writer import usdz_bytes
from models.body.body_motion import HIDDEN
from models.body.open_body import load_body, skin
from models.motion.soles import motion_bones
from tests.models.animation.clips import animated, library_motion
from tests.models.animation.test_blender import FPS, TO_BLENDER_33, shown_by_blender

SHIFT = np.array([1.5, 0, 0.5])
AT = (0, 7, 23)


def written(folder: Path, skeleton: SkeletonName) -> Path:
    """Two people; the second is hidden in the frames 10 to 13."""
    pytest.importorskip("pxr")
    motion = library_motion(fps=FPS)
    other = motion.moved(np.eye(3), SHIFT)
    other.presence_T[10:14] = HIDDEN
    people = [animated("person_1", motion, skeleton), animated("person_2", other, skeleton)]
    path = folder / "clip.usdz"
    path.write_bytes(usdz_bytes(people, FPS))
    return path


@pytest.mark.parametrize("skeleton", ["own", "mixamo"])
def test_usd_skins_as_the_body_does(tmp_path: Path, skeleton: SkeletonName) -> None:
    """Joints and skin of UsdSkel against ours; visibility; units, axes and time."""
    path = written(tmp_path, skeleton)
    from pxr import Usd, UsdGeom, UsdSkel

    stage, motion, body = Usd.Stage.Open(str(path)), library_motion(fps=FPS), load_body()
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1 and UsdGeom.GetStageUpAxis(stage) == "Y"
    assert stage.GetTimeCodesPerSecond() == FPS and stage.GetEndTimeCode() == pytest.approx(23)
    root, cache = UsdSkel.Root(stage.GetPrimAtPath("/clip/person_1")), UsdSkel.Cache()
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/clip/person_1/skeleton")))
    mesh = stage.GetPrimAtPath("/clip/person_1/skin")
    skinning, rig = cache.GetSkinningQuery(mesh), rig_motion(motion, skeleton, "t")
    vertex_V3, head_B3 = body.rest(motion.shape_C)
    origin_V = animated("person_1", motion, skeleton).mesh.origin_V  # type: ignore[union-attr]
    for t in AT:
        joint_J44 = np.array(query.ComputeJointSkelTransforms(t))
        np.testing.assert_allclose(joint_J44[:, 3, :3], rig.place_TJ3[t], atol=1e-5)
        points = UsdGeom.Mesh(mesh).GetPointsAttr().Get()
        assert skinning.ComputeSkinnedPoints(query.ComputeSkinningTransforms(t), points, t)
        turned_TB33, placed_TB3 = motion_bones(motion.part(slice(t, t + 1)))
        ours_V3 = skin(body, vertex_V3, head_B3, turned_TB33[0], placed_TB3[0])[origin_V]
        assert np.median(np.linalg.norm(np.array(points) - ours_V3, axis=1)) < 0.002
    other = UsdGeom.Imageable(stage.GetPrimAtPath("/clip/person_2"))
    shown = [other.ComputeVisibility(t) != "invisible" for t in range(24)]
    assert shown == [not 10 <= t < 14 for t in range(24)]


def test_blender_reads_the_joints(tmp_path: Path) -> None:
    written(tmp_path, "mixamo")
    found = shown_by_blender(tmp_path, ["clip.usdz"], FPS, 640, 360)["clip.usdz"]
    rig, mine = rig_motion(library_motion(fps=FPS), "mixamo", "t"), found["owners"] == 0
    names = [joint.name.replace(":", "_") for joint in rig.joints]
    order = [names.index(name) for name in found["names"][mine]]
    assert len(order) == len(names)
    ours = rig.place_TJ3[:, order] @ TO_BLENDER_33.T
    np.testing.assert_allclose(found["places"][:, mine], ours, atol=1e-4)
