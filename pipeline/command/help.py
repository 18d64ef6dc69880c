"""What the command line says of itself: `--help`, `--help-all`, and the list of configurations."""

from __future__ import annotations

from pathlib import Path

from pipeline.configuration.config import ABOUT, CONFIGS, variant_settings
from pipeline.version import PROGRAM

DESCRIPTION = "Finds every person in videos and images, maps each pixel to the body's surface, and renders it."
FIRST_STEPS = f"""\
{DESCRIPTION}

  see what it does: the demo clip         {PROGRAM}
  a video of your own                     {PROGRAM} dance.mp4
  photos, into a folder                   {PROGRAM} photos/*.jpg -o results/
  another style: parts, uv, boxes …       {PROGRAM} dance.mp4 --style parts
  other clothes                           {PROGRAM} dance.mp4 --atlas suit.png
  numbers for other programs              {PROGRAM} dance.mp4 --export csv=dance.csv
  a webcam, on a page in the browser      {PROGRAM} -c live 0
  a folder of videos, on all cores        {PROGRAM} videos/ -o results/ -c batch
  continue after a crash                  {PROGRAM} dance.mp4 --resume
  what this machine can do                {PROGRAM} doctor

every option, style and export: {PROGRAM} --help-all · every configuration: {PROGRAM} -c
the settings of a stage: {PROGRAM} --help STAGE, such as decode, detect, track, smooth, render, encode
"""
NEXT_STEPS = f"""\
next: a video or photo of your own   {PROGRAM} dance.mp4
      a webcam                       {PROGRAM} -c live 0
      bodies that move, in 3-D       {PROGRAM} -c animate dance.mp4 -o dance.glb"""
"""What is printed after the demo clip."""
EXAMPLES = f"""\
examples:
  {PROGRAM}                               the demo clip, every person in the painted texture
  {PROGRAM} dance.mp4                     writes dance.densepose.mp4 in the current folder
  {PROGRAM} dance.mp4 -o out.mkv --style parts
  {PROGRAM} dance.mp4 --atlas suit.png --atlas 2=other.png
  {PROGRAM} photos/ more/*.jpg -o results/
  {PROGRAM} dance.mp4 --resume            continue after a crash, a power cut or a full disk
  {PROGRAM} videos/ -o out/ -c batch      many inputs, all cores or a cluster; run again, it does what is missing
  {PROGRAM} dance.mp4 -c zoo_r50_s1x --weights zoo:densepose_rcnn_R_50_FPN_s1x
  {PROGRAM} photo.jpg --export instances=raw/     the network's own numbers as npz
  {PROGRAM} dance.mp4 --export iuv=iuv/ --export csv=dance.csv --export magicanimate=condition.mp4
  {PROGRAM} dance.mp4 --export bodies=bodies/     3-D joints, rotations and shape of everybody, in metres
  {PROGRAM} saved/ -c render --style parts        draws again what --export surfaces=saved/ wrote
  {PROGRAM} teacher.mp4 me.mp4 -c compare -o lesson.csv
  {PROGRAM} 0 -c live                     the first webcam, on a page at http://127.0.0.1:8765/
  {PROGRAM} rtsp://camera/stream -c live -o day.mp4     records; -o rtmp://server/app/key sends it on
  {PROGRAM} dance.mp4 --set encode.crf=18 --set decode.end=10 --report report.json
  {PROGRAM} doctor                        what this machine can do, and what is missing

styles: texture (default), parts, uv, u, v, grid, contours, confidence, skeleton, boxes, none;
        of fitted bodies: mesh, normals, depth, body;
        STYLE+STYLE puts two or more side by side, e.g. none+texture
exports: instances, embeddings, surfaces, iuv, iuv_video, inds, masks, confidence, dp_segm, magicanimate,
  vid2densepose, leffa, scail, scail_replace, parula, animatediff, result_json, coco, csv, mot, appearance, events,
  bodies, depth, mesh, prores, webm (docs/formats.md shows each)
a configuration is a name that -c lists or a path; every key in it can be changed with --set key.path=value
Ctrl-C keeps the finished part as NAME.partial.mp4; after a crash, a power cut or a full disk --resume continues
exit codes: 0 done · 1 failed, one sentence says why · 2 wrong usage or configuration · 130 stopped by Ctrl-C
            143 by SIGTERM · 129 by a hang-up
"""


def list_configurations(configs: Path = CONFIGS) -> str:
    """Every configuration with the first line of its comment, those of the top folder first."""
    lines = ["configurations (give one with -c NAME; its file describes the rest):"]
    for folder in (configs, *sorted(path for path in configs.iterdir() if path.is_dir())):
        about: dict[str, str] = {}
        for file in sorted(folder.glob("*.yaml")):
            variants = variant_settings(file)
            about |= {name: str(one.get(ABOUT, "")) for name, one in variants.items()} or {file.stem: _about(file)}
        if about and folder != configs:
            lines.append(f"{folder.name}:")
        width = max(map(len, about), default=0)
        lines += [f"  {name:<{width}}  {text}" for name, text in about.items()]
    return "\n".join(lines) + "\n"


def _about(file: Path) -> str:
    """The first comment line of a configuration."""
    with file.open(encoding="utf-8") as lines:
        first = lines.readline().strip()
    return first.removeprefix("#").strip() if first.startswith("#") else ""
