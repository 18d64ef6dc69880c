"""Writes animated people as one binary glTF file: skeletons, skinned and textured bodies, one clip, and the camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.animation.gltf_clip import ClipSpan, GltfClip
from models.animation.gltf_document_writer import INDICES, VERTICES, GltfDocument
from models.animation.presence import visibility_keys
from models.animation.rig_keys import RigKeys
from models.animation.skinned_mesh import SkinnedMesh
from models.arrays import F64
from models.body.body_motion import HIDDEN
from models.body.camera import field_of_focal
from models.body.rotation_vectors import continuous_quaternions, unit_quaternions
from models.errors import ModelError

GENERATOR = "densepose-video"
NEAR, FAR = 0.05, 1000.0
"""Metres: depth of the near and the far plane of the camera."""
CLIP_NAME = "take"
"""Name of the clip in a file of several people. All share one clip, because Blender and many viewers play only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimatedPerson:
    """A person of a file.

    Attributes:
        name: unique in the file.
        keys: the motion.
        mesh: the skin; None writes the skeleton only.
        atlas_png: the portrait atlas that the skin wears, as PNG; None writes no texture.
        extras: facts for programs that read the `extras` of the person's node.
    """

    name: str
    keys: RigKeys
    mesh: SkinnedMesh | None
    atlas_png: bytes | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraKeys:
    """The rotations and focal lengths of a camera over time.

    Attributes:
        second_T: ascending times, seconds.
        rotation_T33: rotations from the camera's axes at each time to the axes of its `pose_44`.
        focal_px_T: focal lengths, pixels.
    """

    second_T: F64
    rotation_T33: F64
    focal_px_T: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCamera:
    """The camera of a scene.

    Attributes:
        pose_44: transform from the camera's frame (x right, y down, z forward) to the scene.
        focal_px: focal length, pixels.
        width, height: size of the image, pixels; its centre is the principal point.
        keys: how the camera rotates; None if it is still.
    """

    pose_44: F64
    focal_px: float
    width: int
    height: int
    keys: CameraKeys | None = None


def gltf_bytes(
    people: Sequence[AnimatedPerson], camera: SceneCamera | None = None, spans: Sequence[ClipSpan] = ()
) -> bytes:
    """The bytes of a GLB file. Its time 0 is the first frame in which a person is visible.

    Joints of all people have the skeleton's own names: each person is an armature of its own. In a file of one person
    the clip has the person's name. In a file of several people it is named `CLIP_NAME`.

    Args:
        people: the people.
        camera: the camera; None writes none.
        spans: parts of the video that become a clip each; none makes one clip of all frames.

    Raises: ModelError if there are no people, or the file would be too large.
    """
    if not people:
        raise ModelError("no person was found, so there is nothing to animate", "", "look at the input")
    document = GltfDocument(GENERATOR)
    material_of = {atlas_png: _material(document, atlas_png) for atlas_png in atlases(people)}
    start = min(float(person.keys.second_T[0]) for person in people)
    end = max(float(person.keys.second_T[-1]) for person in people)
    roots, added = [], list[tuple[AnimatedPerson, AddedPerson]]()
    for person in people:
        added.append((person, added_person(document, person, material_of[person.atlas_png])))
        roots += added[-1][1].roots
    if camera is not None:
        roots.append(_camera(document, camera))
    name = CLIP_NAME if len(people) > 1 else people[0].name
    for span in spans or [ClipSpan(name=name, start=start, end=end)]:
        clip = GltfClip(document, span)
        for person, nodes in added:
            add_person_keys(clip, person.keys, nodes)
        if camera is not None and camera.keys is not None:
            _add_camera_keys(clip, camera, camera.keys, roots[-1])
    try:
        return document.binary(roots)
    except ValueError as error:
        raise ModelError(f"the animation is too large: {error}", "", "write a shorter clip, or BVH") from error


def atlases(people: Sequence[AnimatedPerson]) -> list[bytes | None]:
    """The different atlases that people wear, in the order of the first person who wears each."""
    return list(dict.fromkeys(person.atlas_png for person in people))


def _material(document: GltfDocument, atlas_png: bytes | None) -> int:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    if atlas_png is not None:
        view = document.stored(atlas_png)
        image = document.add("images", {"bufferView": view, "mimeType": "image/png", "name": "atlas"})
        sampler = document.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
        surface["baseColorTexture"] = {"index": document.add("textures", {"source": image, "sampler": sampler})}
    return document.add("materials", {"name": "body", "pbrMetallicRoughness": surface})


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedPerson:
    """The nodes of a person: those of the joints, and the roots, that of the skin last if there is one."""

    joints: list[int]
    roots: list[int]


def added_person(document: GltfDocument, person: AnimatedPerson, material: int) -> AddedPerson:
    """Add a person in the rest pose to a document, and return its nodes.

    Args:
        document: the document.
        person: the person.
        material: index of the skin's material.
    """
    rig = person.keys.rig
    rotation_J33, place_J3 = rig.local_rest()
    nodes = []
    for joint, quaternion_4, place_3 in zip(rig.joints, unit_quaternions(rotation_J33), place_J3, strict=True):
        node: dict[str, Any] = {"name": joint.name, "translation": place_3.tolist()}
        if abs(quaternion_4[3]) < 1:
            node["rotation"] = quaternion_4.tolist()
        nodes.append(document.add("nodes", node))
    for number, parent in zip(nodes, rig.parent_J.tolist(), strict=True):
        if parent >= 0:
            document.tables["nodes"][nodes[parent]].setdefault("children", []).append(number)
    root: dict[str, Any] = {"name": person.name, "children": [nodes[0]]}
    if person.extras:
        root["extras"] = dict(person.extras)
    roots = [document.add("nodes", root)]
    if person.mesh is not None:
        roots.append(_skinned_node(document, person, person.mesh, nodes, material))
    return AddedPerson(joints=nodes, roots=roots)


def add_person_keys(clip: GltfClip, keys: RigKeys, added: AddedPerson) -> None:
    """Add a person's keys to a clip: rotations and positions of joints, and the visibility where it changes.

    A person who is hidden in the whole clip has only the key that hides the body.
    """
    span_T = clip.span.contains(keys.second_T)
    shown_T = (keys.presence_T != HIDDEN) & span_T
    if shown_T.any():
        time = clip.times(keys.second_T[span_T])
        for joint, node in enumerate(added.joints):
            if joint in keys.place_of:
                clip.add(node, "translation", time, keys.place_of[joint][span_T])
            if joint in keys.turn_of:
                clip.add(node, "rotation", time, keys.turn_of[joint][span_T])
    second_K, visible_K = visibility_keys(keys.second_T, shown_T, clip.span.start, clip.span.end)
    if visible_K.all():
        return
    time = clip.document.numbers(second_K, bounds=True)
    clip.add(added.joints[0], "scale", time, visible_K[:, None].repeat(3, axis=1).astype(np.float32), "STEP")
    if len(added.roots) > 1:
        clip.add_visibility(added.roots[-1], time, visible_K)


def _skinned_node(
    document: GltfDocument, person: AnimatedPerson, mesh: SkinnedMesh, nodes: list[int], material: int
) -> int:
    rig = person.keys.rig
    bind_J44 = np.tile(np.eye(4), (len(nodes), 1, 1))
    bind_J44[:, :3, :3] = rig.axes_J33.swapaxes(1, 2)
    bind_J44[:, :3, 3] = -np.einsum("jki,jk->ji", rig.axes_J33.astype(np.float64), rig.rest_J3)
    skin = document.add(
        "skins",
        {"name": f"{person.name} skin", "joints": nodes, "skeleton": nodes[0],
         "inverseBindMatrices": document.numbers(bind_J44)},
    )
    attributes = {
        "POSITION": document.numbers(mesh.vertex_V3, VERTICES, bounds=True),
        "NORMAL": document.numbers(mesh.normal_V3, VERTICES),
        "TEXCOORD_0": document.numbers(mesh.uv_V2, VERTICES),
        "JOINTS_0": document.numbers(mesh.joint_V4.astype(np.uint8), VERTICES),
        "WEIGHTS_0": document.numbers(mesh.weight_V4, VERTICES),
    }
    corners = document.numbers(mesh.face_F3.reshape(-1).astype(np.uint16), INDICES)
    surface = {"attributes": attributes, "indices": corners, "material": material}
    number = document.add("meshes", {"name": f"{person.name} body", "primitives": [surface]})
    return document.add("nodes", {"name": f"{person.name} body", "mesh": number, "skin": skin})


def _camera(document: GltfDocument, camera: SceneCamera) -> int:
    """Add a camera and return its node. A camera of glTF looks along −z, with y up."""
    perspective = {
        "yfov": field_of_focal(camera.focal_px, camera.height),
        "aspectRatio": camera.width / camera.height,
        "znear": NEAR,
        "zfar": FAR,
    }
    number = document.add("cameras", {"name": "camera", "type": "perspective", "perspective": perspective})
    turn_4 = unit_quaternions((camera.pose_44[:3, :3] @ np.diag([1.0, -1, -1]))[None])[0]
    place_3 = camera.pose_44[:3, 3]
    return document.add(
        "nodes", {"name": "camera", "camera": number, "rotation": turn_4.tolist(), "translation": place_3.tolist()}
    )


def _add_camera_keys(clip: GltfClip, camera: SceneCamera, keys: CameraKeys, node: int) -> None:
    """Add the camera's rotations in a clip's span. glTF has no keys for focal lengths."""
    span_T = clip.span.contains(keys.second_T)
    turn_T33 = camera.pose_44[:3, :3] @ keys.rotation_T33[span_T] @ np.diag([1.0, -1, -1])
    if span_T.any():
        clip.add(node, "rotation", clip.times(keys.second_T[span_T]), continuous_quaternions(turn_T33))
