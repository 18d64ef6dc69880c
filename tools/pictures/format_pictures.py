"""Draws `docs/pictures/format_*.png`: `python -m tools.pictures.format_pictures`.

A moment of the demo clip with its exact surfaces goes through the product's own formats; what is a number in a file is
drawn over the frame. Only `confidence` shows what the built-in network says.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from io import BytesIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from models.body.body_pose import posed_keypoints
from models.body.open_body import COCO_KEYPOINTS
from models.motion.clinical_angles import JOINT_ANGLES, seen_angles
from models.surface.keypoints import surface_keypoints
from pipeline.stage import Job
from stages.drawing.boxes_and_skeletons import draw_skeleton
from stages.drawing.chart_colours import part_palette
from stages.drawing.render import Render
from stages.payloads import Bodies, FrameChunk, Overlay, People, Surfaces
from stages.people.appearance import REGION_25, appearance_of
from stages.results.comparison.difference import difference_at
from stages.results.comparison.difference_plot import difference_plot
from stages.results.comparison.poses import PersonPose, performance_of, pose_of
from stages.results.formats.alpha_video import alpha_image
from stages.results.formats.depth import depth_images, nearest
from stages.results.formats.frame_result import FrameResult, flattened, frame_results
from stages.results.formats.iuv import confidence_image, inds_image, iuv_image
from stages.results.formats.part_colours import dp_segm_image, magicanimate_image, parula_image
from stages.results.formats.results_json import densepose_results
from tools.pictures import PICTURES
from tools.pictures.style_pictures import SECOND, WINDOW, exact_frame, fitted_bodies, network_results

U8 = npt.NDArray[np.uint8]
HEIGHT = 200
"""Pixels of a picture."""
COLOURS = 64
"""Of a stored picture: a palette keeps the files small."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
JOB = Job(index=0, input="", output=None, stem="walk")
STEP = 0.1
"""Seconds between the moments of a comparison."""


def main() -> None:
    """Write one picture a format, and one of a comparison."""
    frames, people, surfaces = exact_frame(SECOND)
    (overlay,) = Render(Render.Config(style="texture"))(frames, people, surfaces)
    bodies = fitted_bodies(frames, people, surfaces)
    (now,) = frame_results(JOB, frames, people, surfaces, overlay, bodies)
    numbers = inds_image(now)
    pictures = {
        "instances": beside(numbers_of(now)),
        "surfaces": parts_with_names(now),
        "iuv": iuv_image(now)[WINDOW],
        "inds": np.repeat((numbers.astype(np.uint8) * np.uint8(100))[WINDOW][..., None], 3, axis=2),
        "confidence": sure_picture(frames),
        "dp_segm": dp_segm_image(now)[WINDOW],
        "magicanimate": magicanimate_image(now)[WINDOW],
        "parula": parula_image(now)[WINDOW],
        "result_json": beside([result_picture(line) for line in densepose_results(now)]),
        "coco": coco_picture(now),
        "csv": angles_picture(now),
        "mot": tracks_picture(now),
        "appearance": appearance_picture(now),
        "bodies": joints_picture(now),
        "depth": depth_picture(now),
        "mesh": mesh_picture(frames, people, surfaces, bodies),
        "layer": on_squares(now, overlay),
    }
    for name, picture in pictures.items():
        save(name, picture, HEIGHT)
    save("compare", walkers_compared(), 680)


def save(name: str, picture: U8, height: int) -> None:
    """A small PNG with a palette."""
    image = Image.fromarray(picture)
    image = image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / f"format_{name}.png", optimize=True)


def beside(pictures: list[U8]) -> U8:
    """Pictures of any size in a row on white."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(p, ((0, height - p.shape[0]), (0, 12), (0, 0)), constant_values=255) for p in pictures]
    return np.hstack(padded)


def numbers_of(now: FrameResult) -> list[U8]:
    """Labels, U and V of the nearer person's grid, each in grey."""
    surface = now.surfaces[now.painting_order()[-1]]
    charts = surface.labels_hw * np.uint8(10)
    planes = [charts, *(np.clip(plane * 255, 0, 255).astype(np.uint8) for plane in surface.uv_2hw)]
    return [np.repeat(plane[..., None], 3, axis=2) for plane in planes]


def parts_with_names(now: FrameResult) -> U8:
    """Charts in the product's colours and everyone's identity."""
    picture = now.rgb_HW3 // 2
    chart_HW = flattened(now).iuv_HW3[..., 0]
    picture = np.where(chart_HW[..., None] > 0, part_palette()[chart_HW], picture).astype(np.uint8)
    for box_4, identity in zip(now.box_N4, now.id_N, strict=True):
        say(picture, f"id {identity}", (int(box_4[0]), int(box_4[1]) - 8))
    return picture[WINDOW]


def sure_picture(frames: FrameChunk) -> U8:
    """How sure the built-in network is of the same moment: exact surfaces know no doubt."""
    (now,) = frame_results(JOB, frames, *network_results(frames), None)
    return np.repeat(confidence_image(now)[WINDOW][..., None], 3, axis=2)


def joints_picture(now: FrameResult) -> U8:
    """The 3-D joints of the fitted bodies, projected, with the distance of each person."""
    picture = now.rgb_HW3 // 3
    for i, body in now.fitted:
        joint_J3 = posed_keypoints(body.pose)[:17]
        seen_173 = np.column_stack([body.camera.project(joint_J3), np.ones(17)]).astype(np.float32)
        draw_skeleton(picture, replace(now.surfaces[i], keypoint_K3=seen_173))
        x, y = seen_173[0, :2].astype(int).tolist()
        say(picture, f"{now.id_N[i]}: {body.pose.root_3[2]:.1f} m", (x - 30, y - 24))
    return picture[WINDOW]


def depth_picture(now: FrameResult) -> U8:
    """Depth from the nearest (white) to the farthest body (dark)."""
    depth_HW = nearest(depth_images(now), now)[WINDOW].astype(np.float32)
    low, high = depth_HW[depth_HW > 0].min() - 100, depth_HW.max() + 400
    grey_HW = np.where(depth_HW > 0, 255 * (high - depth_HW) / (high - low), 0)
    return np.repeat(grey_HW.astype(np.uint8)[..., None], 3, axis=2)


def mesh_picture(frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies) -> U8:
    """The meshes as clay and in an atlas."""
    config = Render.Config(style="mesh+body", background="white", opacity=1.0)
    (overlay,) = Render(config)(frames, people, surfaces, bodies)
    return np.hstack([half[WINDOW] for half in np.split(overlay.rgb_THW3[0], 2, axis=1)])


def appearance_picture(now: FrameResult) -> U8:
    """Each region of each person in its mean colour."""
    picture = now.rgb_HW3 // 2
    charts_HW, person_HW = flattened(now).iuv_HW3[..., 0], flattened(now).person_HW
    for i, surface in enumerate(now.surfaces):
        mine_HW = person_HW == i + 1
        colour_83 = 255 * appearance_of(now.rgb_HW3, surface)[:, :3]
        picture[mine_HW] = colour_83[REGION_25[charts_HW[mine_HW]]].astype(np.uint8)
    return picture[WINDOW]


def result_picture(line: str) -> U8:
    """What the PNG in an entry of the result JSON shows."""
    return np.asarray(Image.open(BytesIO(base64.b64decode(json.loads(line)["uv_data"]))))


def coco_picture(now: FrameResult) -> U8:
    """Boxes, masks and keypoints over the frame."""
    picture = now.rgb_HW3.copy()
    for i, surface in enumerate(now.surfaces):
        mask_HW = (flattened(now).person_HW == i + 1).astype(np.uint8)
        outlines, _ = cv2.findContours(mask_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, (255, 235, 60), 3)
        x0, y0, x1, y1 = now.box_N4[i].astype(int).tolist()
        cv2.rectangle(picture, (x0, y0), (x1, y1), WHITE, 2)
        draw_skeleton(picture, surface)
    return picture[WINDOW]


def angles_picture(now: FrameResult) -> U8:
    """Skeletons, and by how many degrees elbows and knees of the fitted bodies are bent."""
    picture = now.rgb_HW3 // 2
    for surface, angle_A in zip(now.surfaces, seen_angles(now.bodies), strict=True):
        draw_skeleton(picture, surface)
        keypoint_173 = surface_keypoints(surface)
        for name, angle in zip(JOINT_ANGLES, angle_A, strict=True):
            joint = name.removesuffix("_flexion")
            if joint.endswith(("elbow", "knee")) and np.isfinite(angle):
                x, y, seen = keypoint_173[COCO_KEYPOINTS.index(joint)]
                if seen:
                    say(picture, f"{angle:.0f}", (int(x) + 10, int(y)))
    return picture[WINDOW]


def tracks_picture(now: FrameResult) -> U8:
    """Boxes of this moment, and where everyone's box was before."""
    picture = now.rgb_HW3.copy()
    colours = ((255, 235, 60), (120, 220, 255))
    for second in np.arange(SECOND - 0.8, SECOND + 0.01, 0.2):
        _, people, _ = exact_frame(float(second))
        for box_4, colour in zip(people.box_N4, colours, strict=True):
            cv2.circle(picture, (int(box_4[[0, 2]].mean()), int(box_4[3])), 5, colour, cv2.FILLED, cv2.LINE_AA)
    for box_4, identity, colour in zip(now.box_N4, now.id_N, colours, strict=True):
        x0, y0, x1, y1 = box_4.astype(int).tolist()
        cv2.rectangle(picture, (x0, y0), (x1, y1), colour, 3)
        say(picture, f"{identity}", (x0, y0 - 8))
    return picture[WINDOW]


def on_squares(now: FrameResult, overlay: Overlay) -> U8:
    """The layer over the squares that stand for nothing."""
    rgba = alpha_image(replace(now, drawn_HW3=overlay.rgb_THW3[0]))[WINDOW].astype(int)
    rows, columns = np.indices(rgba.shape[:2]) // 24
    squares = np.where((rows + columns) % 2, 235, 190)[..., None]
    alpha = rgba[..., 3:] / 255
    return (rgba[..., :3] * alpha + squares * (1 - alpha)).astype(np.uint8)


def walkers_compared() -> U8:
    """The demo clip's two people, one against the other."""
    series: list[list[tuple[float, int, PersonPose]]] = [[], []]
    for index, second in enumerate(np.arange(1.0, 4.0, STEP)):
        frames, people, surfaces = exact_frame(float(second))
        angle_NA = seen_angles(fitted_bodies(frames, people, surfaces).of_people(0, 2))
        for poses, surface, angle_A in zip(series, surfaces.people, angle_NA, strict=True):
            poses.append((float(second), index, pose_of(surface, angle_A)))
    a, b = (performance_of(poses, JOINT_ANGLES) for poses in series)
    difference = difference_at(a, b, 0.0)
    return difference_plot(difference, a.second_T[difference.row_T2[:, 0]], "the two walkers of the demo clip")


def say(picture: U8, text: str, corner: tuple[int, int]) -> None:
    """White letters with a dark rim."""
    for colour, thick in ((BLACK, 6), (WHITE, 2)):
        cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, thick, cv2.LINE_AA)


if __name__ == "__main__":
    main()
