"""Runs in Blender's Python: where Blender puts the joints of animation files.

`python blender_joints.py FPS OUT.npz FILE…` imports each file as a user does, with the scene's rate set before, and
writes names (J), places in every frame (T, J, 3) and at rest (J, 3), in Blender's axes (z up), in metres.
"""

from __future__ import annotations

import sys
from typing import Any

import bpy
import numpy as np


def imported(path: str, fps: float) -> Any:
    """The armature of a file in an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    render = bpy.context.scene.render
    render.fps = int(np.ceil(fps))
    render.fps_base = render.fps / fps
    if path.endswith(".bvh"):
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01)
    else:
        bpy.ops.import_scene.gltf(filepath=path)
    return next(item for item in bpy.data.objects if item.type == "ARMATURE")


def places(armature: Any) -> dict[str, Any]:
    """Heads of all bones, in every frame of the armature's animation and at rest."""
    first, last = armature.animation_data.action.frame_range
    names = [bone.name for bone in armature.data.bones]
    frames = []
    for number in range(round(last - first) + 1):
        bpy.context.scene.frame_set(round(first) + number)
        frames.append([armature.matrix_world @ armature.pose.bones[name].head for name in names])
    rest = [armature.matrix_world @ armature.data.bones[name].head_local for name in names]
    return {"names": np.array(names), "places": np.array(frames), "rest": np.array(rest)}


if __name__ == "__main__":
    rate, out, *files = sys.argv[1:]
    found = {}
    for number, file in enumerate(files):
        found |= {f"{number}_{key}": value for key, value in places(imported(file, float(rate))).items()}
    np.savez(out, **found)
