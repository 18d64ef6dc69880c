"""Styles of fitted bodies: where they are drawn, what hides what, and which colour means what."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.body_pose import posed_vertices
from models.surface.body_image import body_image
from pipeline.stage import StageError
from stages.drawing.body_styles import BODY_STYLES
from stages.drawing.render import Render
from stages.drawing.styles import STYLES
from stages.payloads import Bodies
from tests.stages.bodies.made_bodies import CAMERA, HEIGHT, WIDTH, grey_frames, made_body, shown

pytestmark = pytest.mark.quick
NEAR, FAR = made_body((0.2, 0, 3.0), bend_deg=30), made_body((0, 0, 5.0), turn_deg=180)
SCENE = [[(1, NEAR), (2, FAR)]]


def drawn(scene: list, **settings: object) -> np.ndarray:
    people, surfaces = shown(scene)
    bodies = Bodies.joined([Bodies.of_frame(frame) for frame in scene])
    (overlay,) = Render(Render.Config(**settings))(grey_frames(len(scene)), people, surfaces, bodies)
    return overlay.rgb_THW3


def cover_of(body: object) -> np.ndarray:
    image = body_image(posed_vertices(body.pose), CAMERA, HEIGHT, WIDTH)
    whole_HW = np.zeros((HEIGHT, WIDTH), bool)
    whole_HW[image.y0 : image.y0 + image.height, image.x0 : image.x0 + image.width] = image.depth_hw() > 0
    return whole_HW


def test_names_are_those_of_no_other_style() -> None:
    assert not set(BODY_STYLES) & set(STYLES)
    with pytest.raises(ValueError, match=r"there is no style 'clay', choose one of .*mesh, normals, depth, body"):
        Render.Config(style="clay")


@pytest.mark.parametrize("style", BODY_STYLES)
def test_bodies_are_drawn_where_they_are_and_nowhere_else(style: str) -> None:
    before = grey_frames(1).rgb_THW3[0]
    (out,) = drawn(SCENE, style=style)
    covered = cover_of(NEAR) | cover_of(FAR)
    assert np.array_equal(out[~covered], before[~covered])
    assert (out[covered] != before[covered]).any(axis=-1).mean() > 0.9
    (nobody,) = drawn([[]], style=style)
    assert np.array_equal(nobody, before)


@pytest.mark.parametrize("style", BODY_STYLES)
def test_the_nearer_body_hides_the_farther_one_in_any_order(style: str) -> None:
    near_HW, far_HW = cover_of(NEAR), cover_of(FAR)
    both_HW = near_HW & far_HW
    assert both_HW.sum() > 500
    (alone,), (one,), (other,) = (
        drawn([scene], style=style, opacity=1.0) for scene in (SCENE[0][:1], SCENE[0], SCENE[0][::-1])
    )
    assert np.array_equal(one, other)
    away = np.abs(one[both_HW].astype(int) - alone[both_HW]).max(axis=-1)
    assert np.median(away) == 0 and (away <= 2).mean() > 0.9  # edges of the near one are soft


def test_two_bodies_that_interlock_hide_each_other_pixel_by_pixel() -> None:
    """Two people side by side at one place, one turned: neither hides all of the other."""
    first, second = made_body((0, 0, 3.0), turn_deg=35), made_body((0.05, 0, 3.0), turn_deg=-35)
    (both,) = drawn([[(1, first), (2, second)]], style="normals", opacity=1.0)
    shares = []
    for body in (first, second):
        (alone,) = drawn([[(1, body)]], style="normals", opacity=1.0)
        common = cover_of(first) & cover_of(second)
        shares.append((np.abs(both[common].astype(int) - alone[common]).max(axis=-1) <= 1).mean())
    assert min(shares) > 0.15


def test_normals_and_depth_have_the_colours_that_the_guide_states() -> None:
    torso = np.s_[HEIGHT // 2 - 45 : HEIGHT // 2 - 30, WIDTH // 2 - 4 : WIDTH // 2 + 5]
    (front,) = drawn([[(1, made_body())]], style="normals", opacity=1.0)
    red, green, blue = front[torso].reshape(-1, 3).mean(axis=0)
    assert blue > 220 and abs(red - 127) < 40 and abs(green - 127) < 60
    row = front[HEIGHT // 2 - 38, cover_of(made_body())[HEIGHT // 2 - 38]].astype(int)
    assert row[:3, 0].mean() < 110 < 145 < row[-3:, 0].mean()  # skin that looks to the left, and to the right
    levels = []
    for distance in (2.0, 5.0, 12.0):
        (out,) = drawn([[(1, made_body((0, 0, distance)))]], style="depth", opacity=1.0)
        levels.append(out[HEIGHT // 2 - 4 : HEIGHT // 2, WIDTH // 2 - 1 : WIDTH // 2 + 1].reshape(-1, 3).mean(axis=0))
    assert levels[0][0] > levels[1][0] > 0 and levels[0][1] > levels[1][1] > levels[2][1]  # yellow, green, blue


def test_transparent_backgrounds_and_panels_work_as_for_other_styles() -> None:
    people, surfaces = shown(SCENE)
    bodies = Bodies.joined([Bodies.of_frame(frame) for frame in SCENE])
    config = Render.Config(style="none+mesh", background="transparent", opacity=1.0)
    (overlay,) = Render(config)(grey_frames(1), people, surfaces, bodies)
    assert overlay.rgb_THW3.shape == (1, HEIGHT, 2 * WIDTH, 3)
    alpha = overlay.alpha_THW[0]
    assert (alpha[:, :WIDTH] == 255).all()
    covered = cover_of(NEAR) | cover_of(FAR)
    assert not alpha[:, WIDTH:][~covered].any() and np.median(alpha[:, WIDTH:][covered]) == 255


def test_a_run_without_bodies_says_so() -> None:
    people, surfaces = shown(SCENE)
    with pytest.raises(StageError, match=r"render\.style: mesh: no bodies are fitted in this run"):
        list(Render(Render.Config(style="mesh"))(grey_frames(1), people, surfaces))
    assert Render.needs(Render.Config(style="none+mesh")) == ("fit",)
