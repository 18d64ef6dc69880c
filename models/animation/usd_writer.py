"""Writes animated people as USDZ: a skeleton, its animation, and a skinned and textured body for each person.

Metres, y up. Matrices of USD act on rows. The package `usd-core` is needed (the extra `usd`). Source of the format:
Pixar, UsdSkel schemas.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.animation.gltf_writer import AnimatedPerson, atlases
from models.animation.presence import visibility_keys
from models.animation.skinned_mesh import WEIGHTS, SkinnedMesh
from models.arrays import F32, F64
from models.body.body_motion import HIDDEN
from models.body.rotation_vectors import unit_quaternions
from models.errors import ModelError

_ROUGHNESS = 0.9


def usdz_bytes(people: Sequence[AnimatedPerson], rate: float) -> bytes:
    """The bytes of a USDZ file. Its time code 0 is the first frame in which a person is visible.

    Args:
        people: the people.
        rate: frames, and time codes, per second.

    Raises: ModelError if the library cannot write the file.
    """
    from pxr import Sdf, Usd, UsdGeom, UsdUtils

    start = min(float(person.keys.second_T[0]) for person in people)
    end = max(float(person.keys.second_T[-1]) for person in people)
    with tempfile.TemporaryDirectory(prefix="densepose_usd_") as folder:
        stage = Usd.Stage.CreateNew(str(Path(folder) / "clip.usdc"))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        stage.SetTimeCodesPerSecond(rate)
        stage.SetFramesPerSecond(rate)
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode((end - start) * rate)
        root = UsdGeom.Xform.Define(stage, "/clip")
        stage.SetDefaultPrim(root.GetPrim())
        material_of = {}
        for number, atlas_png in enumerate(atlases(people)):
            file = Path(folder) / f"atlas_{number}.png"
            if atlas_png is not None:
                file.write_bytes(atlas_png)
            material_of[atlas_png] = _material(stage, f"/clip/body_{number}", file if atlas_png is not None else None)
        for person in people:
            _add_person(stage, person, material_of[person.atlas_png], start, end, rate)
        stage.GetRootLayer().Save()
        package = str(Path(folder) / "clip.usdz")
        if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(Path(folder) / "clip.usdc")), package):
            raise ModelError("the USD library could not write the file", "", "write .glb, and convert that")
        return Path(package).read_bytes()


def _material(stage: Any, path: str, atlas: Path | None) -> Any:
    """A material that shows an atlas beside the scene, or none."""
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, path)
    surface = UsdShade.Shader.Define(stage, f"{path}/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(_ROUGHNESS)
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    if atlas is None:
        return material
    reader = UsdShade.Shader.Define(stage, f"{path}/st")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    texture = UsdShade.Shader.Define(stage, f"{path}/atlas")
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(f"./{atlas.name}")
    texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
        reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    )
    surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(
        texture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3)
    )
    return material


def _add_person(stage: Any, person: AnimatedPerson, material: Any, start: float, end: float, rate: float) -> None:
    from pxr import UsdGeom, UsdSkel, Vt

    keys, path = person.keys, f"/clip/{person.name}"
    root = UsdSkel.Root.Define(stage, path)
    visibility = UsdGeom.Imageable(root).CreateVisibilityAttr()
    for second, shown in zip(*visibility_keys(keys.second_T, keys.presence_T != HIDDEN, start, end), strict=True):
        visibility.Set(UsdGeom.Tokens.inherited if shown else UsdGeom.Tokens.invisible, second * rate)
    joints = joint_paths([joint.name for joint in keys.rig.joints], keys.rig.parent_J.tolist())
    skeleton = UsdSkel.Skeleton.Define(stage, f"{path}/skeleton")
    skeleton.CreateJointsAttr(joints)
    bind_J44, rest_J44 = _rest_matrices(person)
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray.FromNumpy(np.ascontiguousarray(bind_J44)))
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray.FromNumpy(np.ascontiguousarray(rest_J44)))
    animation = UsdSkel.Animation.Define(stage, f"{path}/skeleton/animation")
    _set_keys(animation, person, joints, start, rate)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    if person.mesh is not None:
        _add_skin(stage, f"{path}/skin", person.mesh, skeleton, material)


def joint_paths(names: Sequence[str], parents: Sequence[int]) -> list[str]:
    """Joints as USD names them: each with those above it, in letters that identifiers may have."""
    from pxr import Tf

    paths: list[str] = []
    for name, parent in zip(names, parents, strict=True):
        plain = Tf.MakeValidIdentifier(name)
        paths.append(f"{paths[parent]}/{plain}" if parent >= 0 else plain)
    return paths


def _rest_matrices(person: AnimatedPerson) -> tuple[F64, F64]:
    """Transforms (J, 4, 4) of the joints at rest, in the world and in their parents' axes, as USD writes matrices."""
    rig = person.keys.rig
    world_J44 = np.tile(np.eye(4), (len(rig.joints), 1, 1))
    world_J44[:, :3, :3], world_J44[:, 3, :3] = rig.axes_J33.swapaxes(1, 2), rig.rest_J3
    rotation_J33, place_J3 = rig.local_rest()
    local_J44 = np.tile(np.eye(4), (len(rig.joints), 1, 1))
    local_J44[:, :3, :3], local_J44[:, 3, :3] = rotation_J33.swapaxes(1, 2), place_J3
    return world_J44, local_J44


def _set_keys(animation: Any, person: AnimatedPerson, joints: list[str], start: float, rate: float) -> None:
    """Rotations and positions of all joints in each frame: those without keys keep their rest."""
    from pxr import Gf, Vt

    keys = person.keys
    rotation_J33, place_J3 = keys.rig.local_rest()
    rest_J4: F32 = unit_quaternions(rotation_J33).astype(np.float32)
    animation.CreateJointsAttr(joints)
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * len(joints)))
    rotations, places = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    for t, second in enumerate(keys.second_T.tolist()):
        turn_J4, now_J3 = rest_J4.copy(), place_J3.astype(np.float32)
        for joint, turn_T4 in keys.turn_of.items():
            turn_J4[joint] = turn_T4[t]
        for joint, place_T3 in keys.place_of.items():
            now_J3[joint] = place_T3[t]
        code = (second - start) * rate
        quaternion = [Gf.Quatf(w, x, y, z) for x, y, z, w in turn_J4.tolist()]
        rotations.Set(Vt.QuatfArray(quaternion), code)
        places.Set(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(now_J3)), code)


def _add_skin(stage: Any, path: str, mesh: SkinnedMesh, skeleton: Any, material: Any) -> None:
    from pxr import Sdf, UsdGeom, UsdShade, UsdSkel, Vt

    shape = UsdGeom.Mesh.Define(stage, path)
    shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(mesh.vertex_V3, np.float32)))
    shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.face_F3), 3, np.int32)))
    shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.face_F3.reshape(-1), np.int32)))
    shape.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(mesh.normal_V3, np.float32)))
    shape.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    below_V2 = np.ascontiguousarray(mesh.uv_V2 * [1, -1] + [0, 1], np.float32)  # v of USD begins at the lower edge
    primvar = UsdGeom.PrimvarsAPI(shape).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex)
    primvar.Set(Vt.Vec2fArray.FromNumpy(below_V2))
    binding = UsdSkel.BindingAPI.Apply(shape.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    joints = np.ascontiguousarray(mesh.joint_V4.reshape(-1), np.int32)
    weights = np.ascontiguousarray(mesh.weight_V4.reshape(-1), np.float32)
    binding.CreateJointIndicesPrimvar(False, WEIGHTS).Set(Vt.IntArray.FromNumpy(joints))
    binding.CreateJointWeightsPrimvar(False, WEIGHTS).Set(Vt.FloatArray.FromNumpy(weights))
    UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(material)
