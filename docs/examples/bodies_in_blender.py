"""The bodies of a film in a scene of Blender: python bodies_in_blender.py dance.mp4 dance.blend

Blender is found as `blender` on the path, or as the package `bpy`. Without it the glTF file is written alone.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

IMPORT = """
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath={glb!r})
bpy.ops.wm.save_as_mainfile(filepath={blend!r})
"""


def main(film: str, scene: str) -> None:
    glb, blend = str(Path(scene).resolve().with_suffix(".glb")), str(Path(scene).resolve())
    command = [sys.executable, "-m", "densepose_video", film, "-c", "animate", "-o", glb, "--overwrite"]
    subprocess.run(command, check=True)
    script = IMPORT.format(glb=glb, blend=blend)
    if blender := shutil.which("blender"):
        subprocess.run([blender, "--background", "--python-exit-code", "1", "--python-expr", script], check=True)
    elif importlib.util.find_spec("bpy"):
        subprocess.run([sys.executable, "-c", script], check=True)
    else:
        print(f"Blender is not installed: open {glb} in it by File, Import, glTF 2.0")


if __name__ == "__main__":
    main(*sys.argv[1:])
