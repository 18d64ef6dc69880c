"""Runs in Blender's Python: where Blender puts the joints of animation files, and where its camera sees them.

`python blender_joints.py FPS WIDTH HEIGHT OUT.npz FILE…` imports each file as a user does, with the scene's rate and
resolution set before, and writes for all armatures of the file: names (J), places in every frame (T, J, 3) and at rest
(J, 3), in Blender's axes (z up), in metres; turns from rest in these axes (T, J, 3, 3); if the file has a camera,
pixels (T, J, 2), x right, y down; the index of each joint's armature (J); and the largest extent of the skin of each
armature (T, A), metres, 0 where Blender hides it.
"""

from __future__ import annotations

import sys
from typing import Any

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view


def imported(path: str, fps: float, size: tuple[int, int]) -> list[Any]:
    """The armatures of a file in an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    render = bpy.context.scene.render
    render.fps = int(np.ceil(fps))
    render.fps_base = render.fps / fps
    render.resolution_x, render.resolution_y = size
    if path.endswith(".bvh"):
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01)
    elif path.endswith(".usdz"):
        bpy.ops.wm.usd_import(filepath=path)
    elif path.endswith(".fbx"):
        bpy.ops.import_scene.fbx(filepath=path)
    else:
        bpy.ops.import_scene.gltf(filepath=path)
    return [item for item in bpy.data.objects if item.type == "ARMATURE"]


def places(armatures: list[Any], size: tuple[int, int]) -> dict[str, Any]:
    """Heads of all bones, in every frame of the first armature's animation and at rest."""
    scene = bpy.context.scene
    first, last = armatures[0].animation_data.action.frame_range
    bones = [(armature, bone) for armature in armatures for bone in armature.data.bones]
    camera = next((item for item in bpy.data.objects if item.type == "CAMERA"), None)
    skins = [[one for one in armature.children_recursive if one.type == "MESH"] for armature in armatures]
    frames, turns, pixels, sizes = [], [], [], []
    for number in range(round(last - first) + 1):
        scene.frame_set(round(first) + number)
        heads = [armature.matrix_world @ armature.pose.bones[bone.name].head for armature, bone in bones]
        frames.append(heads)
        sizes.append([max([extent(skin) for skin in of_armature], default=0.0) for of_armature in skins])
        turns.append([
            (armature.matrix_world @ armature.pose.bones[bone.name].matrix).to_3x3()
            @ (armature.matrix_world @ bone.matrix_local).to_3x3().inverted()
            for armature, bone in bones
        ])
        if camera is not None:
            seen = np.array([world_to_camera_view(scene, camera, head)[:2] for head in heads])
            pixels.append(np.stack([seen[:, 0], 1 - seen[:, 1]], axis=1) * size)
    rest = [armature.matrix_world @ bone.head_local for armature, bone in bones]
    names = [bone.name for _, bone in bones]
    owners = [armatures.index(armature) for armature, _ in bones]
    found = {"names": names, "owners": owners, "sizes": sizes}
    found |= {"places": frames, "turns": turns, "rest": rest, "pixels": pixels}
    return {key: np.array(values) for key, values in found.items()}


def extent(skin: Any) -> float:
    """The largest side of the box around a skin as it is shown now; 0 if it is hidden."""
    shown = skin.evaluated_get(bpy.context.evaluated_depsgraph_get())
    if skin.hide_render or skin.hide_viewport:
        return 0.0
    vertices = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", vertices)
    return float(np.ptp(vertices.reshape(-1, 3), axis=0).max())


if __name__ == "__main__":
    rate, width, height, out, *files = sys.argv[1:]
    frame_size, found = (int(width), int(height)), {}
    for number, file in enumerate(files):
        shown = places(imported(file, float(rate), frame_size), frame_size)
        found |= {f"{number}_{key}": value for key, value in shown.items()}
    np.savez(out, **found)
