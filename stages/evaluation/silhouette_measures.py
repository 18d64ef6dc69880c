"""Measures of the silhouettes of found people, as samples over people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.metrics.bootstrap import Median, Ratio, Sample
from models.metrics.silhouettes import SilhouetteFit
from models.surface.geometry import Float
from stages.evaluation.person_scores import PersonScore

GOOD_IOU = 0.85
"""Limit of the measure `silhouette_over_85`."""


def silhouette_measures(people: Sequence[PersonScore], protocol: str) -> dict[str, Sample]:
    """The fit of found people's silhouettes: IoU, area, boundary, and wrong pixels as shares of the true area.

    `area_ratio` sums the areas of all people, so that large people count more. The other measures are means or medians
    over people.
    """
    fits = [person.results[protocol].silhouette for person in people]
    found_P = np.array([fit is not None for fit in fits], float)

    def per_person(measure: Callable[[SilhouetteFit], float]) -> Float:
        return np.array([0.0 if fit is None else measure(fit) for fit in fits])

    def mean(measure: Callable[[SilhouetteFit], float]) -> Ratio:
        return Ratio(hits_P=per_person(measure), trials_P=found_P)

    def median(measure: Callable[[SilhouetteFit], float]) -> Median:
        return Median(value_P=np.where(found_P > 0, per_person(measure), np.nan))

    area_P = per_person(lambda fit: fit.area)
    return {
        "silhouette_IoU": mean(lambda fit: fit.iou),
        "silhouette_median": median(lambda fit: fit.iou),
        "silhouette_over_85": mean(lambda fit: float(fit.iou > GOOD_IOU)),
        "area_ratio": Ratio(hits_P=per_person(lambda fit: fit.area_ratio * fit.area), trials_P=area_P),
        "area_median": median(lambda fit: fit.area_ratio),
        "boundary_IoU": mean(lambda fit: fit.boundary_iou),
        "boundary_F": mean(lambda fit: fit.boundary_f),
        "spill_people": mean(lambda fit: fit.spill_people),
        "spill_rim": mean(lambda fit: fit.spill_rim),
        "spill_far": mean(lambda fit: fit.spill_far),
        "missed_rim": mean(lambda fit: fit.missed_rim),
        "missed_inside": mean(lambda fit: fit.missed_inside),
    }
