"""Labels of silhouettes: annotated ones, and where the mask teacher is sure."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from models.light.teachers.mask_teacher import NOWHERE, SilhouetteLogits
from stages.annotations.image_collections import SourceImage
from stages.training.data.annotated_images import LabelledPerson
from stages.training.data.labelled_photos import IGNORE
from stages.training.data.labels_from_annotations import silhouette
from stages.training.data.labels_from_teachers import NaturalPhoto
from stages.training.data.mask_labels import annotated_mask_labels, mask_alone, teacher_mask_labels, within_mask

pytestmark = pytest.mark.quick


def rle(rows: slice, columns: slice) -> dict[str, object]:
    """A rectangle in an image of 8 x 12 pixels."""
    mask_HW = np.zeros((8, 12), np.uint8, order="F")
    mask_HW[rows, columns] = 1
    found: dict[str, object] = coco_mask.encode(mask_HW)
    return found


def test_an_annotated_mask_is_read_at_shares_of_the_photo() -> None:
    """Inside, outside, in a crowd, where crowd and person overlap, and beyond the photo."""
    person, crowd = rle(slice(0, 4), slice(0, 6)), rle(slice(2, 8), slice(0, 12))
    share_15 = np.array([[(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.4), (0.1, -0.1)]])
    assert annotated_mask_labels(person, [crowd], share_15).tolist() == [[1, 0, IGNORE, 1, 0]]


def test_masks_and_joints_of_the_image_fit_the_resized_photo() -> None:
    """A photo twice as wide and as high; the second person of the boxes was found by a teacher."""
    joint_J3 = np.zeros((1, 17, 3), np.float32)
    joint_J3[0, 5] = (3, 2, 1)
    source = SourceImage(
        name="a",
        rgb_HW3=np.zeros((8, 12, 3), np.uint8),
        box_M4=np.array([[0, 0, 6, 4]], np.float32),
        stretched=False,
        keypoint_M173=joint_J3,
        mask_M=(rle(slice(0, 4), slice(0, 6)),),
    )
    photo = NaturalPhoto(
        source=source,
        rgb_HW3=np.zeros((16, 24, 3), np.uint8),
        box_M4=np.array([[0, 0, 12, 8], [12, 8, 24, 16]], np.float32),
        kind_M=np.zeros(2, np.uint8),
        to_natural_4=np.ones(4),
    )
    assert photo.annotated_mask(0, np.array([[(11.5, 7.5), (12.5, 7.5)]])).tolist() == [[1, 0]]
    joints = photo.annotated_joints(0)
    assert joints is not None and joints[5].tolist() == [6, 4, 1] and not joints[4].any()
    assert photo.annotated_mask(1, np.zeros((1, 1, 2))) is None and photo.annotated_joints(1) is None


def test_the_teachers_mask_is_a_label_where_it_is_sure() -> None:
    """The person, background, in doubt; another's, contested; sure outside of the box, unlikely beside it."""
    own = np.array([[5.0, -5.0, 1.0, 1.0, 4.0, 5.0, 1.0]])
    others = np.array([[-5.0, -5.0, -5.0, 4.0, 5.0, -5.0, -5.0]])
    in_box, near = np.array([[1, 1, 1, 1, 1, 0, 0]], bool), np.array([[1, 1, 1, 1, 1, 1, 0]], bool)
    assert teacher_mask_labels(own, others, in_box, near).tolist() == [[1, 0, IGNORE, 0, IGNORE, IGNORE, 0]]


def test_charts_agree_with_the_silhouette() -> None:
    """Inside the most probable chart, outside background of full weight; where it is not known only sure charts."""
    label = np.array([[IGNORE, 0, 3, 3, 0]], np.uint8)
    chart, weight = np.full((1, 5), 7, np.uint8), np.full((1, 5), 99, np.uint8)
    mask = np.array([[1, 1, 0, IGNORE, IGNORE]], np.uint8)
    found, weights = within_mask(label, chart, weight, mask)
    assert found.tolist() == [[7, 7, 0, 3, IGNORE]]
    assert weights.tolist() == [[99, 99, 255, 99, 99]]
    assert mask_alone(mask)[0].tolist() == [[IGNORE, IGNORE, 0, IGNORE, IGNORE]]


def test_logits_are_read_at_their_places() -> None:
    """A ramp that holds the x of its cells; outside of the region there is nobody."""
    ramp_GG = np.broadcast_to(np.arange(10, dtype=np.float32) + 0.5, (10, 10)).copy()
    logits = SilhouetteLogits(logit_GG=ramp_GG, region_4=np.array([100, 50, 200, 150], np.float32))
    found = logits.at(np.array([[(125.0, 60.0), (177.0, 149.0), (99.0, 60.0), (125.0, 151.0)]]))
    np.testing.assert_allclose(found, [[2.5, 7.7, NOWHERE, NOWHERE]], atol=0.02)


def test_an_annotated_person_is_a_silhouette_but_for_crowds() -> None:
    """Inside, outside, outside in the crowd, inside in the crowd, beyond the image."""
    mask_HW = np.zeros((8, 12), np.uint8)
    mask_HW[:4, :6] = 1
    person = LabelledPerson(
        box_4=np.array([0, 0, 6, 4], np.float32),
        mask_HW=mask_HW,
        masked=True,
        keypoint_173=np.zeros((17, 3), np.float32),
        coarse_LL=None,
        points=None,
    )
    crowd_14 = np.array([[4, 3, 12, 8]], np.float32)
    x_W, y_H = np.array([1.5, 5.5, 9.5, 12.5]), np.array([1.5, 3.5, 5.5])
    assert silhouette(person, crowd_14, (x_W, y_H)).tolist() == [
        [1, 1, 0, 0],
        [1, 1, IGNORE, 0],
        [0, IGNORE, IGNORE, 0],
    ]
