"""Test-time augmentation: roll and roll-aligned crops, how many passes are made, and how they are combined."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from models.light.architecture.preprocessing import CROP, MARGIN, CropFormat, crop_person, crop_region
from models.light.architecture.surface_net import GRID
from models.light.inference.batched_network import Passes, Result
from models.light.inference.calibration import NEUTRAL
from models.light.inference.crop_view import CropView, resample_maps, rotated_crop, rotation_about
from models.light.inference.ensemble import combine, prediction_confidence, unflip
from models.light.inference.logistic import logistic
from models.light.inference.neighbours import Neighbours
from models.light.inference.roll_alignment import roll_aligned_view, roll_of
from models.light.inference.surface_assembly import PERSON_THRESHOLD, resample_surface
from models.light.inference.tta import LARGE_ROLL, LYING, AugmentedPredictor, PersonPrediction
from models.structures import SurfaceMap

pytestmark = pytest.mark.quick

HEAD, TORSO, LEG, HAND = 23, 2, 9, 3
CHARTS = np.array([HEAD, TORSO, LEG])
SIDE = 300
"""Pixels of the frames' sides."""
ANGLES = [0, 15, 40, 75, 90, 130, 180, -25, -60, -90, -140]


def person(angle: float) -> np.ndarray:
    """A frame with a person who is rolled clockwise by an angle: head, torso and legs are red, green and blue."""
    upright = np.zeros((SIDE, SIDE, 3), np.uint8)
    for colour, (top, bottom, half) in enumerate(((60, 90, 14), (90, 160, 24), (160, 240, 20))):
        upright[top:bottom, 150 - half : 150 + half, colour] = 255
    matrix = rotation_about(np.array([150.0, 150.0]), angle)[:2]
    return np.asarray(cv2.warpAffine(upright, matrix, (SIDE, SIDE)))


def box_of(rgb_HW3: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(rgb_HW3.max(2) > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


def on_the_left(maps: np.ndarray) -> np.ndarray:
    """Cells on the left side of a person who faces the camera, by the places of head and legs."""
    head, legs = (np.argwhere((maps[0] > 0) & (maps[1] == chart)) for chart in (HEAD, LEG))
    if not len(head) or not len(legs):
        return np.zeros((GRID, GRID), bool)
    up = head.mean(0) - legs.mean(0)
    row, column = np.indices((GRID, GRID)) - legs.mean(0)[:, None, None]
    return np.asarray(up[0] * column - up[1] * row < 0)


def colours(crop_CC3: np.ndarray, probability: float = 0.8) -> np.ndarray:
    """Maps of a crop from its colours; U and V are columns and rows of the crop."""
    colour = cv2.resize(crop_CC3, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    maps = np.zeros((5, GRID, GRID), np.float32)
    maps[0] = (colour.max(2) - 127) / 20
    maps[1] = CHARTS[colour.argmax(2)]
    maps[1] += on_the_left(maps) * np.isin(maps[1], (HEAD, LEG))
    maps[2], maps[3] = np.linspace(0, 1, GRID)[None], np.linspace(0, 1, GRID)[:, None]
    maps[4] = probability
    return maps


class ColourComponent:
    """A surface network that sees colours; it is confident where the person is rolled by less than 30° in the crop."""

    def __init__(self, *, confidence: float = 0.9, rolled: float = 0.4) -> None:
        self.confidence, self.rolled = confidence, rolled
        self.passes = 0

    batch_size = 1
    crops = CropFormat()

    def compiled(self, count: int, height: int, width: int) -> Any:
        assert (count, height, width) == (1, self.crops.side, self.crops.side)

        def maps(blob_N3CC: np.ndarray) -> np.ndarray:
            self.passes += len(blob_N3CC)
            return np.stack([self.predict(image_3CC.transpose(1, 2, 0)) for image_3CC in blob_N3CC])

        return maps

    def predict(self, crop_CC3: np.ndarray) -> np.ndarray:
        maps = colours(crop_CC3.astype(np.uint8))
        inside = CropView.of_region(np.array([0, 0, 1, 1], np.float32))
        maps[4] = self.confidence if abs(roll_of(maps, inside)) < 30 else self.rolled
        return maps


def run_one(predictor: AugmentedPredictor, passes: Passes[Result]) -> Result:
    """The result of one person's passes."""
    (result,) = predictor.run([passes])
    return result


def predictor_of(component: Any, *, flip: bool = True, roll_align: bool = True) -> AugmentedPredictor:
    return AugmentedPredictor(component, component.crops, flip=flip, roll_align=roll_align, calibration=NEUTRAL)


def predict(predictor: AugmentedPredictor, *args: Any, **kwargs: Any) -> PersonPrediction[SurfaceMap]:
    """The prediction of one person."""
    return run_one(predictor, predictor.predict(*args, **kwargs))


@pytest.mark.parametrize("angle", ANGLES)
def test_roll_is_the_direction_of_the_head(angle: int) -> None:
    """At any angle, although crops are stretched; in a flipped crop the roll has the other sign."""
    rgb = person(angle)
    crop, region = crop_person(rgb, crop_region(box_of(rgb)))
    found = roll_of(colours(crop), CropView.of_region(region))
    assert (found - angle + 180) % 360 - 180 == pytest.approx(0, abs=1.5)
    back = roll_of(colours(crop[:, ::-1]), CropView.of_region(region))
    assert (back + found + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(("missing", "expected"), [((HEAD,), 90), ((TORSO,), 90), ((LEG,), 90), ((HEAD, TORSO), 0)])
def test_two_of_head_torso_and_legs_are_enough_for_the_roll(missing: tuple[int, ...], expected: int) -> None:
    rgb = person(90)
    crop, region = crop_person(rgb, crop_region(box_of(rgb)))
    lying = colours(crop)
    lying[1][np.isin(lying[1], [chart + side for chart in missing for side in (0, 1)])] = HAND
    assert roll_of(lying, CropView.of_region(region)) == pytest.approx(expected, abs=1.5)


def test_without_a_person_there_is_no_roll_and_no_aligned_view() -> None:
    maps = colours(np.zeros((CROP, CROP, 3), np.uint8))
    view = CropView.of_region(np.array([0, 0, 100, 200], np.float32))
    assert (roll_of(maps, view), roll_aligned_view(maps, view, 0.0), prediction_confidence(maps)) == (0.0, None, 0.0)


@pytest.mark.parametrize("scale", [0.5, 1, 4])
@pytest.mark.parametrize("angle", ANGLES)
def test_a_roll_aligned_crop_shows_the_person_upright_and_as_large_as_in_a_box(angle: int, scale: float) -> None:
    """In frames of any size; and its maps, resampled to the box's crop, lie on the person."""
    rgb = cv2.resize(person(angle), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    crop, region = crop_person(rgb, crop_region(box_of(rgb)))
    box_view = CropView.of_region(region)
    aligned = roll_aligned_view(colours(crop), box_view, roll_of(colours(crop), box_view))
    assert aligned is not None
    maps = colours(rotated_crop(rgb, aligned))
    assert (roll_of(maps, aligned) - angle + 180) % 360 - 180 == pytest.approx(0, abs=1.5)
    rows = np.flatnonzero((maps[0] > 0).any(1))
    assert (rows[-1] + 1 - rows[0]) / GRID == pytest.approx(1 / MARGIN, abs=0.06)
    assert {*maps[1][rows[0] + 2]} >= {HEAD, HEAD + 1} and {*maps[1][rows[-1] - 2]} >= {LEG, LEG + 1}
    resampled, direct = resample_maps(maps, aligned, box_view), colours(crop)
    both = (resampled[0] > 0) & (direct[0] > 0)
    assert both.sum() / ((resampled[0] > 0) | (direct[0] > 0)).sum() > 0.88
    assert (resampled[1] == direct[1])[both].mean() > 0.96


def test_a_rotated_crop_is_grey_outside_of_the_frame() -> None:
    white = np.full((60, 60, 3), 255, np.uint8)
    rotation = rotation_about(np.array([40.0, 40.0]), 45)
    view = CropView.of_region(np.array([20, 20, 60, 60], np.float32)).of_transformed_frame(rotation)
    crop = rotated_crop(white, view)
    corners = 2 * (20 * 2**0.5 - 20) ** 2 / 40**2  # two of the rotated square's corners leave the frame
    assert (crop == 114).all(2).mean() == pytest.approx(corners, abs=0.012)
    assert (crop[: CROP // 2, : CROP // 2] == 255).all()
    away = CropView.of_region(np.array([200, 200, 240, 240], np.float32))
    assert (rotated_crop(white, away) == 114).all()


@pytest.mark.parametrize("to", [(10, 20, 110, 220), (14, 12, 104, 232), (0, 0, 130, 240)])
def test_resampled_maps_keep_their_places_in_the_frame(to: tuple[int, int, int, int]) -> None:
    """Chart and U are columns of the frame, logit and V its rows; outside of the region its edge continues."""
    region, other = np.array([10, 20, 110, 220], np.float32), np.array(to, np.float32)

    def x_and_y(region_4: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = (region_4[2:] - region_4[:2]) / GRID
        x, y = (region_4[i] + (np.arange(GRID) + 0.5) * size[i] for i in (0, 1))
        return np.clip(x, 10 + 50 / GRID, 110 - 50 / GRID), np.clip(y, 20 + 100 / GRID, 220 - 100 / GRID)

    maps = np.zeros((5, GRID, GRID), np.float32)
    maps[0] = x_and_y(region)[1][:, None]
    maps[3] = maps[0] / 240
    maps[1] = x_and_y(region)[0][None]
    maps[2] = maps[1] / 240
    here, there = CropView.of_region(region), CropView.of_region(other)
    found = resample_maps(maps, here, there)
    rows = np.broadcast_to(x_and_y(other)[1][:, None], (GRID, GRID))
    np.testing.assert_allclose(found[0], rows, atol=0.1)
    columns = np.broadcast_to(x_and_y(other)[0][None], (GRID, GRID))
    for values in (found[1], found[2] * 240):  # each column has its own chart: values between centres are unknown
        assert np.abs(values - columns).max() <= 50 / GRID + 1e-3
    assert np.abs(found[2] * 240 - columns).max() > 0.3 or to == (10, 20, 110, 220)
    np.testing.assert_allclose(found[3] * 240, rows, atol=0.1)  # along a column, V's slope is known
    maps[1] = TORSO
    found = resample_maps(maps, here, there)
    np.testing.assert_allclose(found[3] * 240, rows, atol=0.1)
    np.testing.assert_allclose(found[2] * 240, columns, atol=0.1)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", ANGLES)
def test_rolled_people_get_roll_aligned_passes(angle: int, flip: bool) -> None:
    """2 passes, 4 from `LARGE_ROLL` on; without flips 1, and 2 from `LYING` on."""
    rgb = person(angle)
    box = box_of(rgb)
    component = ColourComponent()
    found = predict(predictor_of(component, flip=flip), rgb, box)
    passes = (4 if abs(angle) > LARGE_ROLL else 2) if flip else (2 if abs(angle) > LYING else 1)
    assert component.passes == passes
    true = colours(crop_person(rgb, crop_region(box))[0])
    both = (true[0] > 0) & (found.maps_LGG[0] > 0)
    assert both.sum() > 0.9 * (true[0] > 0).sum()
    assert (found.maps_LGG[1] == true[1])[both].mean() > 0.97
    assert found.maps_LGG[4].max() > 0.88 or (not flip and abs(angle) < LYING)


@pytest.mark.parametrize(("confidence", "passes"), [(0.9, 2), (0.6, 4)])
def test_low_confidence_after_two_passes_gives_two_more(confidence: float, passes: int) -> None:
    """An upright person gets no passes 5 and 6, however low the confidence is."""
    rgb = person(0)
    component = ColourComponent(confidence=confidence)
    predict(predictor_of(component), rgb, box_of(rgb))
    assert component.passes == passes


def test_a_rolled_person_of_low_confidence_gets_passes_with_further_rotation() -> None:
    """By 25° to each side of upright."""
    rgb = person(40)
    component = ColourComponent(confidence=0.6)
    found = predict(predictor_of(component), rgb, box_of(rgb))
    assert component.passes == 6
    view = CropView.of_region(found.region_4)
    roll = roll_of(found.maps_LGG, view)
    rolls = [
        roll_of(colours(rotated_crop(rgb, rotated)), CropView.of_region(np.array([0, 0, 1, 1], np.float32)))
        for rotation in (0, 25, -25)
        if (rotated := roll_aligned_view(found.maps_LGG, view, roll - rotation)) is not None
    ]
    assert abs(rolls[0]) < 2 and 12 < rolls[1] < 40 and -40 < rolls[2] < -12  # crops are stretched


@pytest.mark.parametrize(("angle", "rotation"), [(0, 12), (40, 25)])
def test_full_makes_eight_passes_for_each_person(angle: int, rotation: int) -> None:
    """The last four: rotated to each side, and scaled up and down; whatever the confidence is."""
    rgb = person(angle)
    component = ColourComponent()
    crops: list[np.ndarray] = []
    predict_crop = component.predict
    component.predict = lambda crop: crops.append(crop.astype(np.uint8)) or predict_crop(crop)  # type: ignore[method-assign,func-returns-value]
    found = predict(predictor_of(component), rgb, box_of(rgb), tta="full")
    assert component.passes == len(crops) == 8
    inside = CropView.of_region(np.array([0, 0, 1, 1], np.float32))
    rolls = [roll_of(colours(crop), inside) for crop in crops[3:]]
    assert abs(rolls[0]) < 2 and rotation / 2 < rolls[1] < 2 * rotation  # crops are stretched
    assert rolls[2] == pytest.approx(rolls[1], abs=3)  # to the other side, flipped
    assert max(map(abs, rolls[3:])) < 2
    upright, wider, narrower = (np.flatnonzero((colours(crops[i])[0] > 0).any(1)) for i in (3, 6, 7))
    high = upright[-1] - upright[0]
    assert (wider[-1] - wider[0]) / high == pytest.approx(1 / 1.2, abs=0.03)
    assert (narrower[-1] - narrower[0]) / high == pytest.approx(1 / 0.85, abs=0.05)
    true = colours(crop_person(rgb, crop_region(box_of(rgb)))[0])
    both = (true[0] > 0) & (found.maps_LGG[0] > 0)
    assert both.sum() > 0.9 * (true[0] > 0).sum()
    assert (found.maps_LGG[1] == true[1])[both].mean() > 0.97


@pytest.mark.parametrize(("angle", "confidence", "passes"), [(0, 0.66, 1), (0, 0.64, 2), (25, 0.9, 2), (-70, 0.5, 2)])
def test_adaptive_fast_makes_a_second_pass_for_roll_or_low_confidence(
    angle: int, confidence: float, passes: int
) -> None:
    """The second pass sees the flipped roll-aligned crop."""
    rgb = person(angle)
    component = ColourComponent(confidence=confidence, rolled=confidence)
    crops: list[np.ndarray] = []
    predict_crop = component.predict
    component.predict = lambda crop: crops.append(crop.astype(np.uint8)) or predict_crop(crop)  # type: ignore[method-assign,func-returns-value]
    found = predict(predictor_of(component), rgb, box_of(rgb), tta="adaptive_fast")
    assert (component.passes, len(found.passes)) == (passes, passes)
    inside = CropView.of_region(np.array([0, 0, 1, 1], np.float32))
    if passes == 2:
        assert abs(roll_of(colours(crops[1]), inside)) < 4
    plain = predictor_of(ColourComponent(), flip=False, roll_align=False)
    assert len(predict(plain, rgb, box_of(rgb), tta="adaptive_fast").passes) == 1


@pytest.mark.parametrize(("angle", "confidence", "known"), [(0, 0.9, 2), (0, 0.5, 4), (40, 0.9, 4), (40, 0.5, 6)])
def test_a_prediction_is_extended_to_full_without_repeated_passes(angle: int, confidence: float, known: int) -> None:
    rgb = person(angle)
    component = ColourComponent(confidence=confidence, rolled=confidence)
    predictor = predictor_of(component)
    at_once = predict(predictor, rgb, box_of(rgb), tta="full")
    assert component.passes == 8
    adaptive = predict(predictor, rgb, box_of(rgb))
    assert component.passes == 8 + known
    extended = run_one(predictor, predictor.extend_to_full(rgb, adaptive))
    assert component.passes == 16
    np.testing.assert_array_equal(extended.maps_LGG, at_once.maps_LGG)
    np.testing.assert_array_equal(extended.surface.uv_2hw, at_once.surface.uv_2hw)


@pytest.mark.parametrize(("flip", "roll_align", "passes"), [(True, False, 2), (False, True, 1), (False, False, 1)])
def test_full_needs_flips_and_roll_alignment(flip: bool, roll_align: bool, passes: int) -> None:
    component = ColourComponent()
    rgb = person(0)
    predict(predictor_of(component, flip=flip, roll_align=roll_align), rgb, box_of(rgb), tta="full")
    assert component.passes == passes


def test_without_roll_alignment_no_crop_is_rotated() -> None:
    rgb = person(90)
    for flip in (False, True):
        component = ColourComponent()
        found = predict(predictor_of(component, flip=flip, roll_align=False), rgb, box_of(rgb))
        assert (component.passes, found.maps_LGG[4].max()) == (1 + flip, np.float32(0.4))


@pytest.mark.parametrize("angle", [0, 90])
def test_a_given_first_pass_is_not_repeated(angle: int) -> None:
    rgb = person(angle)
    component = ColourComponent()
    predictor = predictor_of(component)
    first = run_one(predictor, predictor.first_pass(rgb, box_of(rgb)))
    assert component.passes == 1
    whole = predict(predictor, rgb, box_of(rgb), first)
    assert component.passes == (4 if angle else 2)
    np.testing.assert_allclose(whole.maps_LGG, predict(predictor, rgb, box_of(rgb)).maps_LGG, atol=1e-6)


def test_predictions_are_weighted_by_confidence_and_vote_on_charts() -> None:
    """Of two predictions the much more confident one decides; of three equally confident ones two outvote the third."""
    rgb = person(0)
    crop = crop_person(rgb, crop_region(box_of(rgb)))[0]
    first, second = colours(crop, 0.9), colours(crop, 0.3)
    second[1] = HAND
    second[2] = 1.0
    both = combine([first, second])
    np.testing.assert_array_equal(both[1], first[1])
    np.testing.assert_array_equal(both[2], first[2])
    weight = 0.9**8 / (0.9**8 + 0.3**8)
    shown = first[0] > PERSON_THRESHOLD
    np.testing.assert_allclose(both[4][shown], 0.9 * weight, rtol=1e-5)
    third = first.copy()
    third[1], third[2] = HAND, 0.5
    alike = second.copy()
    alike[4] = 0.9
    three = combine([first, alike, third])
    assert (three[1][shown] == HAND).all()
    np.testing.assert_allclose(three[2][shown], 0.75, atol=1e-6)
    np.testing.assert_allclose(three[4][shown], 0.6, atol=1e-6)
    np.testing.assert_allclose(three[0], first[0], atol=1e-3)


def test_one_outlier_of_three_predictions_moves_u_and_v_little() -> None:
    """The steps towards the median take two thirds of the outlier's influence; of two predictions the mean is taken."""
    rgb = person(0)
    predictions = [colours(crop_person(rgb, crop_region(box_of(rgb)))[0], 0.9) for _ in range(3)]
    shown = predictions[0][0] > PERSON_THRESHOLD
    for one, u, v in zip(predictions, (0.20, 0.22, 0.80), (0.5, 0.5, 0.9), strict=True):
        one[2], one[3] = u, v
    three, two = combine(predictions), combine(predictions[1:])
    assert three[2][shown].min() > 0.20
    assert three[2][shown].max() < 0.27
    assert three[3][shown].max() < 0.57
    np.testing.assert_allclose(two[2:4][:, shown].T, [[0.51, 0.7]] * shown.sum(), atol=1e-5)


@pytest.mark.parametrize("side", [90, 233])
def test_a_vote_on_visible_cells_shows_the_same_as_a_vote_on_all(side: int) -> None:
    """In boxes with fewer pixels than cells and with more."""
    random = np.random.default_rng(3)
    person_GG = cv2.GaussianBlur(random.normal(0, 1, (GRID, GRID)), None, 2).astype(np.float32) * 20 - 1
    predictions = []
    for _ in range(2):
        maps = random.uniform(0, 1, (9, GRID, GRID)).astype(np.float32)
        maps[0] = person_GG
        maps[[1, 5]] = random.integers(1, 25, (2, GRID // 4, GRID // 4)).repeat(4, 1).repeat(4, 2)
        maps[4], maps[8] = 0.5, 0.2
        predictions.append(maps)
    everywhere = combine([np.concatenate([np.full_like(maps[:1], 9.0), maps[1:]]) for maps in predictions])
    everywhere[0] = (voted := combine(predictions))[0]
    region = np.array([0, 0, side, side], np.float32)
    box = np.array([3, 5, side - 4, side - 2], np.float32)
    found, expected = resample_surface(voted, region, box), resample_surface(everywhere, region, box)
    assert 0.2 < (found.labels_hw > 0).mean() < 0.8
    np.testing.assert_array_equal(found.labels_hw, expected.labels_hw)
    np.testing.assert_array_equal(found.uv_2hw, expected.uv_2hw)
    np.testing.assert_allclose(found.confidence_hw, expected.confidence_hw, atol=1e-6)


def test_without_confidence_all_predictions_have_equal_weights() -> None:
    empty = colours(np.zeros((CROP, CROP, 3), np.uint8))
    other = empty.copy()
    other[0] = -1.0
    mean = (logistic(empty[0]) + logistic(other[0])) / 2
    np.testing.assert_allclose(combine([empty, other])[0], np.log(mean / (1 - mean)), rtol=1e-5)


def test_unflip_reverses_columns_and_exchanges_left_and_right() -> None:
    """Applied twice it changes nothing."""
    maps = colours(crop_person(person(20), crop_region(box_of(person(20))))[0])
    back = unflip(maps)
    np.testing.assert_array_equal(back[0], maps[0, :, ::-1])
    assert set(np.unique(back[1])) == set(np.unique(maps[1])) == {23, 24, 2, 9, 10}
    np.testing.assert_allclose(unflip(back), maps, atol=1e-6)


class LargeCrops(ColourComponent):
    """The same with crops of 192 pixels that show the person's own box, and that of others."""

    crops = CropFormat(side=192, others=True, own=True)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []

    def predict(self, crop_CC3: np.ndarray) -> np.ndarray:
        self.seen.append(crop_CC3)
        return super().predict(crop_CC3[..., :3])


def test_a_network_may_ask_for_larger_crops_and_for_the_own_box() -> None:
    rgb, component = person(20), LargeCrops()
    box_4 = box_of(rgb)
    other = Neighbours(box_K4=box_4[None] + np.float32(1000), score_K=np.ones(1, np.float32))
    found = predict(predictor_of(component), rgb, box_4, None, other, tta="full")
    assert component.passes == 8
    usual = predict(predictor_of(ColourComponent()), rgb, box_4, tta="full")
    same = found.surface.labels_hw == usual.surface.labels_hw
    assert found.surface.labels_hw.any() and same.mean() > 0.97
    for seen in component.seen:
        assert seen.shape == (192, 192, 6) and not seen[..., 3:5].any() and set(np.unique(seen[..., 5])) <= {0, 255}
    first = component.seen[0][..., 5] > 0
    rows, columns = np.flatnonzero(first.any(1)), np.flatnonzero(first.any(0))
    assert first[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert len(rows) / 192 == pytest.approx(1 / MARGIN, abs=0.02), "the box, of which the crop is a margin larger"
