"""Measures of the silhouettes of found people, as samples over people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.metrics.bootstrap import Median, Ratio, Sample
from models.metrics.silhouettes import SilhouetteFit
from models.surface.geometry import Float
from stages.evaluation.person_scores import PersonScore

GOOD_IOU = 0.85


def silhouette_measures(people: Sequence[PersonScore], protocol: str) -> dict[str, Sample]:
    """How the silhouettes of found people fit: IoU, area, boundary, and shares of the true area that are wrong.

    Ratios of areas are over all people together, so that large people count more; the others are means over people.
    """
    fits = [person.results[protocol].silhouette for person in people]
    found_P = np.array([one is not None for one in fits], float)

    def per_person(measure: Callable[[SilhouetteFit], float]) -> Float:
        return np.array([0.0 if one is None else measure(one) for one in fits])

    def mean(measure: Callable[[SilhouetteFit], float]) -> Ratio:
        return Ratio(hits_P=per_person(measure), trials_P=found_P)

    def median(measure: Callable[[SilhouetteFit], float]) -> Median:
        return Median(value_P=np.where(found_P > 0, per_person(measure), np.nan))

    area_P = per_person(lambda one: one.area)
    return {
        "silhouette_IoU": mean(lambda one: one.iou),
        "silhouette_median": median(lambda one: one.iou),
        "silhouette_over_85": mean(lambda one: float(one.iou > GOOD_IOU)),
        "area_ratio": Ratio(hits_P=per_person(lambda one: one.area_ratio * one.area), trials_P=area_P),
        "area_median": median(lambda one: one.area_ratio),
        "boundary_IoU": mean(lambda one: one.boundary_iou),
        "boundary_F": mean(lambda one: one.boundary_f),
        "spill_people": mean(lambda one: one.spill_people),
        "spill_rim": mean(lambda one: one.spill_rim),
        "spill_far": mean(lambda one: one.spill_far),
        "missed_rim": mean(lambda one: one.missed_rim),
        "missed_inside": mean(lambda one: one.missed_inside),
    }
