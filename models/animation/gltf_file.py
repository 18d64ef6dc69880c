"""Animated people as one binary glTF file: skeletons, skinned and textured bodies, one clip, and the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from models.animation.gltf_buffers import INDICES, VERTICES, GltfDocument
from models.animation.rig_clip import RigClip
from models.animation.skinned_mesh import SkinnedMesh
from models.arrays import F32, F64
from models.body.camera import field_of_focal
from models.body.rotation_vectors import continuous_quaternions
from models.errors import ModelError

GENERATOR = "densepose-video"
NEAR, FAR = 0.05, 1000.0
"""Metres between which the camera sees."""
WHOLE_CLIP = "take"
"""Name of the clip that moves several people: one clip for all, because Blender and many viewers play one alone."""
INSTANT = 1e-6
"""Seconds that make no difference."""
STILL = 1e-6
"""A joint that turns less in a clip, radians about, has no keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimatedPerson:
    """A person of a file.

    Attributes:
        name: unique in the file; every node of the person begins with it where several people share the file.
        clip, mesh: the motion and the skin; without a mesh only the skeleton is written.
    """

    name: str
    clip: RigClip
    mesh: SkinnedMesh | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraKeys:
    """How a camera turns and zooms.

    Attributes:
        second_T: times, ascending.
        turn_T33: take the camera's axes at each time to those of its pose.
        focal_px_T: focal lengths in pixels.
    """

    second_T: F64
    turn_T33: F64
    focal_px_T: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCamera:
    """The camera of a scene.

    Attributes:
        pose_44: takes the camera's frame (x right, y down, z forward) to the scene.
        focal_px: focal length in pixels.
        width, height: size of the picture in pixels; its centre is the principal point.
        keys: how it turns about its place; None = it stands still.
    """

    pose_44: F64
    focal_px: float
    width: int
    height: int
    keys: CameraKeys | None = None


def gltf_bytes(people: list[AnimatedPerson], atlas_png: bytes | None, camera: SceneCamera | None = None) -> bytes:
    """The bytes of a GLB file. Its time begins with the first frame of anybody.

    Joints keep their plain names where the file has one person, and the clip has the person's. Else the person's name
    and an underscore stand before the names of joints, because names of nodes are unique, and the clip is `WHOLE_CLIP`.

    Args:
        atlas_png: the portrait atlas as PNG, for the meshes.

    Raises: ModelError if there is nobody to write, or the file would be too large.
    """
    if not people:
        raise ModelError("no person was found, so there is nothing to animate", "", "look at the input")
    document = GltfDocument(GENERATOR)
    material = _material(document, atlas_png)
    start = min(float(person.clip.second_T[0]) for person in people)
    roots = [node for person in people for node in added_person(document, person, material, start, len(people) > 1)]
    if camera is not None:
        end = max(float(person.clip.second_T[-1]) for person in people)
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
    """Add a person: the node above the skeleton, and that of the skin, which no node above would move.

    Args:
        material: of the skin.
        start: second of the clip at which the file's time begins.
        several: whether names of joints begin with the person's.
    """
    clip, prefix = person.clip, f"{person.name}_" if several else ""
    rotation_J33, place_J3 = clip.local_rest()
    quaternion_J4 = quaternions(rotation_J33)
    nodes = []
    for joint, quaternion_4, place_3 in zip(clip.joints, quaternion_J4, place_J3, strict=True):
        node: dict[str, Any] = {"name": prefix + joint.name, "translation": place_3.tolist()}
        if abs(quaternion_4[3]) < 1:
            node["rotation"] = quaternion_4.tolist()
        nodes.append(document.add("nodes", node))
    for number, parent in zip(nodes, clip.parent_J.tolist(), strict=True):
        if parent >= 0:
            document.tables["nodes"][nodes[parent]].setdefault("children", []).append(number)
    if "animations" not in document.tables:
        document.add("animations", {"name": WHOLE_CLIP if several else person.name, "channels": [], "samplers": []})
    _add_keys(document, person, start, nodes)
    roots = [document.add("nodes", {"name": person.name, "children": [nodes[0]]})]
    if person.mesh is not None:
        roots.append(_skinned_node(document, person, person.mesh, nodes, material))
    return roots


def _skinned_node(
    document: GltfDocument, person: AnimatedPerson, mesh: SkinnedMesh, nodes: list[int], material: int
) -> int:
    clip = person.clip
    bind_J44 = np.tile(np.eye(4), (len(nodes), 1, 1))
    bind_J44[:, :3, :3] = clip.axes_J33.swapaxes(1, 2)
    bind_J44[:, :3, 3] = -np.einsum("jki,jk->ji", clip.axes_J33.astype(np.float64), clip.rest_J3)
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
    """Keys of every frame in the document's clip: turns of joints that turn, places of moving ones; no scales."""
    clip, time = person.clip, document.numbers(person.clip.second_T - start, bounds=True)
    turn_TJ33, (rest_J33, _) = clip.local_turns(), clip.local_rest()
    for joint, node in enumerate(nodes):
        if joint in clip.moving:
            _add_channel(document, node, "translation", time, clip.local_places(joint))
        if np.abs(turn_TJ33[:, joint] - rest_J33[joint]).max() > STILL:
            _add_channel(document, node, "rotation", time, continuous_quaternions(turn_TJ33[:, joint]))


def _camera(document: GltfDocument, camera: SceneCamera, start: float, end: float) -> int:
    """A camera of glTF looks along −z, with y up. It turns from the second `start` of the clip to `end`; glTF has no
    keys for focal lengths."""
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
        turn_T33 = camera.pose_44[:3, :3] @ camera.keys.turn_T33[shown_T] @ np.diag([1.0, -1, -1])
        if shown_T.any():
            time = document.numbers(np.maximum(second_T[shown_T] - start, 0), bounds=True)
            _add_channel(document, node, "rotation", time, continuous_quaternions(turn_T33))
    return node


def _add_channel(document: GltfDocument, node: int, path: str, time: int, values: F64) -> None:
    """Keys of a node in the document's clip. `time`: number of the accessor of the times."""
    (animation,) = document.tables["animations"]
    samplers = animation["samplers"]
    samplers.append({"input": time, "output": document.numbers(values), "interpolation": "LINEAR"})
    animation["channels"].append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})


def quaternions(rotation_N33: F64 | F32) -> F64:
    """Unit quaternions (N, 4) x, y, z, w of rotations."""
    return np.asarray(Rotation.from_matrix(rotation_N33).as_quat())
