"""Renders the demo clips: two people walk past each other on a square: `python -m stages.synthetic.demo_clip`.

`demo.mp4` is what users see first; `demo_walk.mp4` is the same scene smaller and from farther away, for tests.

Everything in it is the project's own work: bodies, clothes, background, light and sound. The sound of each footstep
has the step's time, distance and direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from models.arrays import F32, U8
from models.body.open_body import load_body
from models.files.atomic_file import atomic_write
from models.surface.raster import Camera
from stages.world.backgrounds.plaza import paint_plaza
from stages.world.bodies.motions import Walker
from stages.world.bodies.people import Mesh, Person, dressed_rest_body
from stages.world.bodies.rotations import LEFT, axis_rotation
from stages.world.bodies.walking import gait_of
from stages.world.camera.rendering import render_people
from stages.world.camera.shading import Lights
from stages.world.camera.shadows import cast_shadows
from stages.world.clothes.bags import Bag
from stages.world.clothes.garments import HAIRS, SKINS, Garment, Outfit, shoes_field, top_field, trousers_field
from stages.world.clothes.hair_and_hats import beard, hair_pattern, tied_hair
from stages.world.clothes.loose_clothing import Tube
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import rest_body
from stages.world.clothes.skirts import Skirt

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
RATE, FRAMES = 25, 125
SECONDS = FRAMES / RATE
MIDDLE_S = SECONDS / 2
SUPERSAMPLING = 2
"""Each pixel is the mean of this many by this many rendered pixels (anti-aliasing)."""
SOUND_RATE = 48000
SCALE_HZ = (220.0, 261.63, 293.66, 329.63, 392.0, 440.0)
"""A minor pentatonic scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A view of the scene.

    Attributes:
        name: of the file.
        width, height: pixels.
        focal: focal length in heights of the image.
        crf: quality of the encoder, lower is better.
    """

    name: str
    width: int
    height: int
    focal: float
    crf: int


SMALL = Shot(name="demo_walk.mp4", width=640, height=360, focal=1.3, crf=22)
LARGE = Shot(name="demo.mp4", width=1280, height=720, focal=1.6, crf=23)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footstep:
    """A heel strike.

    Attributes:
        second: time in the clip.
        walker: index of the person.
        pan: position in the image, −1 left edge … 1 right edge.
        distance: from the camera, metres.
    """

    second: float
    walker: int
    pan: float
    distance: float


def cloth(kind: str, first: tuple[float, ...], second: tuple[float, ...], size: float = 0.05) -> Pattern:
    """A cloth pattern of two colours (RGB, 0..1), parallel to the floor."""
    way_3 = np.array([0.0, 1.0, 0.0], np.float32)
    return Pattern(
        kind=kind, first_3=np.array(first, np.float32), second_3=np.array(second, np.float32), direction_3=way_3,
        size=size, offset=0.4,
    )


def body_like(gender: float, height: float) -> F32:
    """Parameters of the adult sample nearest to a gender (0 male … 1 female) and to a height (0..1)."""
    body = load_body()
    phenotype = {name: body.phenotype_SP[:, k] for k, name in enumerate(body.phenotypes)}
    away_S = np.abs(phenotype["gender"] - gender) + np.abs(phenotype["height"] - height)
    away_S = away_S + np.abs(phenotype["weight"] - 0.45) + 9 * (phenotype["age"] < 0.6)
    return body.score_SC[int(np.argmin(away_S))]


HAIRLINE_Z = (-0.06, 0.0, 0.03, 0.07, 0.11, 0.14)


def hair_field(nape: float) -> F32:
    """Field of hair that ends at a height at the nape (metres, on the mean body)."""
    place = rest_body()
    hairline_V = np.interp(place.point_V3[:, 2], HAIRLINE_Z, [nape, nape + 0.03, 1.655, 1.70, 1.742, 1.748])
    return np.where(place.head_V > 0, place.point_V3[:, 1] - hairline_V, -1.0).astype(np.float32)


def dressed(nape: float, garments: tuple[Garment, ...], skin: int, hair_color: int) -> Outfit:
    """Garments, hair that ends at `nape`, and the colours of skin and hair, by index."""
    skin_3, hair_3 = SKINS[skin], HAIRS[hair_color]
    plain = cloth("plain", tuple(hair_3), tuple(hair_3 * 1.4))
    locks = Garment(field_V=hair_field(nape), thickness=0.016, folds=0.0015, pattern=plain)
    return Outfit(
        garments=(*garments, locks), skin_3=skin_3, hair_3=hair_3, iris_3=np.array([0.20, 0.28, 0.22], np.float32),
        lips_3=(skin_3 * np.array([1.0, 0.66, 0.64], np.float32)).astype(np.float32),
    )


def garment(field_V: F32, pattern: Pattern, thickness: float, gloss: float = 0.05) -> Garment:
    """A garment whose folds grow with its thickness."""
    return Garment(field_V=field_V, thickness=thickness, folds=0.25 * thickness, pattern=pattern, gloss=gloss)


def walkers() -> tuple[Walker, Walker]:
    """A woman walks nearer from the left, and a man walks away."""
    return woman(), man()


def woman() -> Walker:
    """Striped shirt, long teal skirt, tied hair, a bag at the hip."""
    stripes = cloth("stripes", (0.93, 0.93, 0.90), (0.62, 0.16, 0.20), size=0.04)
    teal = cloth("plain", (0.10, 0.34, 0.38), (0.16, 0.46, 0.50))
    leather = cloth("plain", (0.45, 0.27, 0.14), (0.55, 0.36, 0.20))
    garments = (
        garment(top_field(sleeve=1.5, hem_y=0.99, neck_y=1.50), stripes, 0.010),
        garment(shoes_field(height=0.09), cloth("plain", (0.90, 0.89, 0.86), (0.80, 0.80, 0.80)), 0.008, 0.2),
    )
    hair_3 = HAIRS[2]
    tail = tied_hair(1.0, 0.0, 1.70, (0.034, 0.13, 0.034), hair_pattern(np.random.default_rng(2), hair_3))
    person = Person(
        score_C=body_like(0.95, 0.60),
        outfit=dressed(1.58, garments, 1, 2),
        attachments=(
            Skirt(rings=20, flare=0.10, folds=9, phase=0.4, pattern=teal),
            tail,
            Bag(middle_3=(-0.22, 0.98, 0.0), half_3=(0.05, 0.10, 0.13), bone="root", pattern=leather),
        ),
    )
    return make_walker(person, 1.0, (0.05, 0.10), 1.08)


def man() -> Walker:
    """Long open coat over a mustard pullover, grey trousers, short beard."""
    grey = cloth("plain", (0.36, 0.36, 0.40), (0.46, 0.46, 0.50))
    olive = cloth("plain", (0.33, 0.37, 0.30), (0.42, 0.46, 0.38))
    mustard = cloth("plain", (0.80, 0.56, 0.14), (0.90, 0.68, 0.25))
    garments = (
        garment(trousers_field(leg=1.95, waist_y=1.04), grey, 0.014),
        garment(top_field(sleeve=1.95, hem_y=0.98, neck_y=1.54), mustard, 0.012),
        garment(coat_field(), olive, 0.018),
        garment(shoes_field(height=0.11), cloth("plain", (0.22, 0.13, 0.08), (0.30, 0.20, 0.14)), 0.009, 0.25),
        beard(np.random.default_rng(5), HAIRS[1] * 1.3),
    )
    around = Tube(part="trunk", rings=25, flare=0.07, folds=5, phase=1.0, gap=7, pattern=olive)
    person = Person(score_C=body_like(0.05, 0.62), outfit=dressed(1.61, garments, 2, 1), attachments=(around,))
    return make_walker(person, 0.95, (0.0, 0.85), -1.88)


def coat_field() -> F32:
    """Field of a coat's shoulders and sleeves; the front is open."""
    x, _, z = rest_body().point_V3.T
    whole = top_field(sleeve=1.92, hem_y=1.0, neck_y=1.555)
    opening = np.where((z > 0.02) & (rest_body().arm_V < -0.9), np.abs(x) - 0.055, 1.0)
    return np.minimum(whole, opening).astype(np.float32)


def make_walker(person: Person, briskness: float, middle_2: tuple[float, float], yaw: float) -> Walker:
    """A walking person whose first heel strike is at the beginning of the clip."""
    gait = gait_of(person, briskness=briskness)
    return Walker(person=person, rest=dressed_rest_body(person), gait=gait, middle_2=middle_2, yaw=yaw, ahead=MIDDLE_S)


def meshes_at(second: float, cast: tuple[Walker, ...]) -> list[Mesh]:
    """Meshes of all people at a time of the clip."""
    return [one.mesh(second - MIDDLE_S) for one in cast]


def camera(shot: Shot, scale: int) -> Camera:
    """At eye height, 5.6 m from the middle, slightly downward; `scale` times the resolution of the clip."""
    facing = (np.diag([1, -1, -1]) @ axis_rotation(LEFT, 0.10)).astype(np.float32)
    eye_3 = np.array([0.0, 1.55, 5.6], np.float32)
    width, height = shot.width * scale, shot.height * scale
    return Camera(
        rotation_33=facing, shift_3=-facing @ eye_3, focal=shot.focal * height, center_2=(width / 2, height / 2),
        height=height, width=width,
    )


def lights() -> Lights:
    """Low warm sun from the left, cool sky."""
    sun_3 = np.array([-0.55, 0.66, 0.51], np.float32)
    return Lights(
        sky_3=np.array([0.48, 0.51, 0.57], np.float32), ground_3=np.array([0.36, 0.33, 0.29], np.float32),
        toward_L3=(sun_3 / np.linalg.norm(sun_3))[None], color_L3=np.array([[0.68, 0.62, 0.53]], np.float32),
    )


def frame_at(shot: Shot, second: float, cast: tuple[Walker, ...], backdrop_HW3: F32) -> U8:
    """Frame at a time, (height, width, 3) uint8; `backdrop_HW3` is the empty plaza, supersampled."""
    view, sun = camera(shot, SUPERSAMPLING), lights()
    image_HW3 = backdrop_HW3.copy()
    meshes = meshes_at(second, cast)
    cast_shadows(image_HW3, view, meshes, sun.toward_L3[0], 0.45)
    render_people(image_HW3, [w.person for w in cast], meshes, view, sun)
    small_HW3 = cv2.resize(image_HW3, (shot.width, shot.height), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small_HW3, 0, 1) * 255).astype(np.uint8)


def footsteps(shot: Shot, cast: tuple[Walker, ...]) -> list[Footstep]:
    """All heel strikes of the clip: two in each gait cycle."""
    eye = camera(shot, 1)
    steps = []
    for number, walker in enumerate(cast):
        strikes = np.arange(0.0, SECONDS, walker.gait.period / 2).tolist()
        for second in strikes:
            x, z = walker.position(second - MIDDLE_S)
            seen = eye.to_camera(np.array([[x, 0.0, z]], np.float32))
            column = float(eye.to_pixels(seen)[0, 0])
            pan = float(np.clip(2 * column / shot.width - 1, -1, 1))
            steps.append(Footstep(second=second, walker=number, pan=pan, distance=float(seen[0, 2])))
    return steps


def sound(steps: list[Footstep]) -> F32:
    """Stereo sound (2, samples), −1..1: each step is a thump and a scrape with a quiet plucked note."""
    rng = np.random.default_rng(1)
    total = np.zeros((2, round(SECONDS * SOUND_RATE)), np.float32)
    for count, step in enumerate(sorted(steps, key=lambda step: step.second)):
        start = round(step.second * SOUND_RATE)
        wave = 0.55 * _thump(rng, pitch=(105.0, 72.0)[step.walker]) * (4.5 / step.distance)
        note = 0.10 * _pluck(hertz=SCALE_HZ[(count * 3) % len(SCALE_HZ)])
        wave = np.pad(wave, (0, len(note) - len(wave))) + note
        sides = np.sqrt(np.array([[1 - step.pan], [1 + step.pan]], np.float32) / 2)
        length = min(len(wave), total.shape[1] - start)
        total[:, start : start + length] += sides * wave[None, :length]
    return np.clip(total * 0.8, -1, 1)


def _thump(rng: np.random.Generator, pitch: float) -> F32:
    """A shoe on stone, 0.12 s: a low tone of falling pitch and a burst of low-pass noise."""
    time = np.arange(round(0.12 * SOUND_RATE)) / SOUND_RATE
    tone = np.sin(2 * np.pi * pitch * time * np.exp(-3 * time)) * np.exp(-time / 0.03)
    noise_K = np.convolve(rng.normal(0, 1, len(time)), np.exp(-np.arange(24) / 6) / 6, mode="same")
    return (tone + 0.5 * noise_K * np.exp(-time / 0.012)).astype(np.float32)


def _pluck(hertz: float) -> F32:
    """A plucked string, 0.9 s: higher harmonics decay faster."""
    time = np.arange(round(0.9 * SOUND_RATE)) / SOUND_RATE
    parts = [np.sin(2 * np.pi * hertz * k * time) * np.exp(-time * (3 + 3 * k)) / k**1.5 for k in range(1, 6)]
    return np.sum(parts, axis=0).astype(np.float32)


def write_clip(shot: Shot, folder: Path = CONFIGS) -> None:
    """Write the clip as MP4 with H.264 and AAC."""
    path = folder / shot.name
    cast, backdrop_HW3 = walkers(), paint_plaza(camera(shot, SUPERSAMPLING))
    faststart = {"movflags": "+faststart"}
    with atomic_write(path) as draft, av.open(str(draft), "w", format="mp4", options=faststart) as container:
        options = {"crf": str(shot.crf), "preset": "slow", "threads": "2"}
        video = container.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = shot.width, shot.height, "yuv420p"
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        audio.bit_rate = 96_000
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(frame_at(shot, number / RATE, cast, backdrop_HW3), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        wave = av.AudioFrame.from_ndarray(sound(footsteps(shot, cast)), format="fltp", layout="stereo")
        wave.sample_rate, wave.pts, wave.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        container.mux(audio.encode(wave))
        container.mux(audio.encode(None))


if __name__ == "__main__":
    for view in (SMALL, LARGE):
        write_clip(view)
