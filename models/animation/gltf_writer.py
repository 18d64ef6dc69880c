"""Writes animated people as one binary glTF file: skeletons, skinned and textured bodies, one clip, and the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from models.animation.gltf_buffers import INDICES, VERTICES, GltfDocument
from models.animation.rig_motion import RigMotion
from models.animation.skinned_mesh import SkinnedMesh
from models.arrays import F32, F64
from models.body.camera import field_of_focal
from models.body.rotation_vectors import continuous_quaternions
from models.errors import ModelError

GENERATOR = "densepose-video"
NEAR, FAR = 0.05, 1000.0
"""Metres: depth of the near and the far plane of the camera."""
CLIP_NAME = "take"
"""Name of the clip in a file of several people. All share one clip, because Blender and many viewers play only one."""
INSTANT = 1e-6
"""Seconds: tolerance of comparisons of times."""
STILL = 1e-6
"""A joint has no rotation keys if no element of its rotation matrix changes by more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimatedPerson:
    """A person of a file.

    Attributes:
        name: unique in the file. In a file of several people all names of the person's nodes start with it.
        rig: the motion.
        mesh: the skin; None writes the skeleton only.
    """

    name: str
    rig: RigMotion
    mesh: SkinnedMesh | None


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


def gltf_bytes(people: list[AnimatedPerson], atlas_png: bytes | None, camera: SceneCamera | None = None) -> bytes:
    """The bytes of a GLB file. Its time 0 is the first frame in which a person is visible.

    In a file of one person the clip has the person's name, and joints keep their names. In a file of several people the
    clip is named `CLIP_NAME`, and joints `PERSON_JOINT`, because names of nodes must be unique.

    Args:
        people: the people.
        atlas_png: the portrait atlas as PNG, for the meshes; None writes no texture.
        camera: the camera; None writes none.

    Raises: ModelError if there are no people, or the file would be too large.
    """
    if not people:
        raise ModelError("no person was found, so there is nothing to animate", "", "look at the input")
    document = GltfDocument(GENERATOR)
    material = _material(document, atlas_png)
    start = min(float(person.rig.second_T[0]) for person in people)
    roots = [node for person in people for node in added_person(document, person, material, start, len(people) > 1)]
    if camera is not None:
        end = max(float(person.rig.second_T[-1]) for person in people)
        roots.append(_camera(document, camera, start, end))
    try:
        return document.binary(roots)
    except ValueError as error:
        raise ModelError(f"the animation is too large: {error}", "", "write a shorter clip, or BVH") from error


def _material(document: GltfDocument, atlas_png: bytes | None) -> int:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    if atlas_png is not None:
        view = document.stored(atlas_png)
        image = document.add("images", {"bufferView": view, "mimeType": "image/png", "name": "atlas"})
        sampler = document.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
        surface["baseColorTexture"] = {"index": document.add("textures", {"source": image, "sampler": sampler})}
    return document.add("materials", {"name": "body", "pbrMetallicRoughness": surface})


def added_person(
    document: GltfDocument, person: AnimatedPerson, material: int, start: float, several: bool
) -> list[int]:
    """Add a person to a document, and return its root nodes: that of the skeleton and, with a mesh, that of the skin.

    Args:
        document: the document.
        person: the person.
        material: index of the skin's material.
        start: the second of the motion at which the file's time is 0.
        several: True if names of joints start with the person's name.
    """
    rig, prefix = person.rig, f"{person.name}_" if several else ""
    rotation_J33, place_J3 = rig.local_rest()
    quaternion_J4 = quaternions(rotation_J33)
    nodes = []
    for joint, quaternion_4, place_3 in zip(rig.joints, quaternion_J4, place_J3, strict=True):
        node: dict[str, Any] = {"name": prefix + joint.name, "translation": place_3.tolist()}
        if abs(quaternion_4[3]) < 1:
            node["rotation"] = quaternion_4.tolist()
        nodes.append(document.add("nodes", node))
    for number, parent in zip(nodes, rig.parent_J.tolist(), strict=True):
        if parent >= 0:
            document.tables["nodes"][nodes[parent]].setdefault("children", []).append(number)
    if "animations" not in document.tables:
        document.add("animations", {"name": CLIP_NAME if several else person.name, "channels": [], "samplers": []})
    _add_keys(document, person, start, nodes)
    roots = [document.add("nodes", {"name": person.name, "children": [nodes[0]]})]
    if person.mesh is not None:
        roots.append(_skinned_node(document, person, person.mesh, nodes, material))
    return roots


def _skinned_node(
    document: GltfDocument, person: AnimatedPerson, mesh: SkinnedMesh, nodes: list[int], material: int
) -> int:
    rig = person.rig
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


def _add_keys(document: GltfDocument, person: AnimatedPerson, start: float, nodes: list[int]) -> None:
    """Add keys of all frames to the document's clip: rotations of joints that rotate, positions of `moving` joints."""
    rig, time = person.rig, document.numbers(person.rig.second_T - start, bounds=True)
    turn_TJ33, (rest_J33, _) = rig.local_turns(), rig.local_rest()
    for joint, node in enumerate(nodes):
        if joint in rig.moving:
            _add_channel(document, node, "translation", time, rig.local_places(joint))
        if np.abs(turn_TJ33[:, joint] - rest_J33[joint]).max() > STILL:
            _add_channel(document, node, "rotation", time, continuous_quaternions(turn_TJ33[:, joint]))


def _camera(document: GltfDocument, camera: SceneCamera, start: float, end: float) -> int:
    """Add a camera and return its node. A camera of glTF looks along −z, with y up.

    Its keys are those from the second `start` to `end`. glTF has no keys for focal lengths.
    """
    perspective = {
        "yfov": field_of_focal(camera.focal_px, camera.height),
        "aspectRatio": camera.width / camera.height,
        "znear": NEAR,
        "zfar": FAR,
    }
    number = document.add("cameras", {"name": "camera", "type": "perspective", "perspective": perspective})
    turn_4 = quaternions((camera.pose_44[:3, :3] @ np.diag([1.0, -1, -1]))[None])[0]
    place_3 = camera.pose_44[:3, 3]
    node = document.add(
        "nodes", {"name": "camera", "camera": number, "rotation": turn_4.tolist(), "translation": place_3.tolist()}
    )
    if camera.keys is not None:
        second_T = camera.keys.second_T
        shown_T = (second_T > start - INSTANT) & (second_T < end + INSTANT)
        turn_T33 = camera.pose_44[:3, :3] @ camera.keys.rotation_T33[shown_T] @ np.diag([1.0, -1, -1])
        if shown_T.any():
            time = document.numbers(np.maximum(second_T[shown_T] - start, 0), bounds=True)
            _add_channel(document, node, "rotation", time, continuous_quaternions(turn_T33))
    return node


def _add_channel(document: GltfDocument, node: int, path: str, time: int, values: F64) -> None:
    """Add keys of a node to the document's clip. `time`: index of the accessor of the times."""
    (animation,) = document.tables["animations"]
    samplers = animation["samplers"]
    samplers.append({"input": time, "output": document.numbers(values), "interpolation": "LINEAR"})
    animation["channels"].append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})


def quaternions(rotation_N33: F64 | F32) -> F64:
    """Unit quaternions (N, 4) x, y, z, w of rotations."""
    return np.asarray(Rotation.from_matrix(rotation_N33).as_quat())
