"""Runs inside Blender: opens a GLB and writes it as FBX. `blender_fbx.py IN.glb OUT.fbx FRAMES_PER_SECOND`."""

from __future__ import annotations

import math
import sys


def write_fbx(glb: str, fbx: str, rate: float) -> None:
    """Write a GLB as FBX: metres, y up, −z to the front, all keys of each frame, textures inside of the file.

    Args:
        glb, fbx: paths.
        rate: frames per second of the animation.
    """
    import bpy  # Blender's own package, which only Blender has

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = math.ceil(rate)
    scene.render.fps_base = scene.render.fps / rate
    bpy.ops.import_scene.gltf(filepath=glb)
    for shape in [one for one in bpy.data.objects if one.type == "MESH" and not one.modifiers]:
        bpy.data.objects.remove(shape)  # the importer makes a sphere to draw bones with; it is not in the GLB
    ends = [round(action.frame_range[1]) for action in bpy.data.actions]
    scene.frame_start, scene.frame_end = 0, max(ends, default=0)
    bpy.ops.export_scene.fbx(
        filepath=fbx, object_types={"ARMATURE", "MESH", "CAMERA", "EMPTY"}, apply_scale_options="FBX_SCALE_ALL",
        axis_forward="-Z", axis_up="Y", add_leaf_bones=False, bake_anim=True, bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False, bake_anim_simplify_factor=0.0, path_mode="COPY", embed_textures=True,
    )


if __name__ == "__main__":
    source, target, frames_per_second = sys.argv[-3:]
    write_fbx(source, target, float(frames_per_second))
