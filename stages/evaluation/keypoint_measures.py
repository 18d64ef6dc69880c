"""Measures of predicted joints, as samples over people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.metrics.bootstrap import Ratio, Sample
from models.metrics.densepose_evaluator import THRESHOLD_T
from models.metrics.joints import JOINT_GROUPS, MIN_JOINTS, JointFit
from stages.evaluation.person_scores import PersonScore

PCK_LIMITS = (0.05, 0.1)
"""A joint is correct up to this distance, as a share of the longer side of the person's box."""


def keypoint_measures(people: Sequence[PersonScore], protocol: str) -> dict[str, Sample]:
    """The measures of joints under a protocol (see `joint_samples`)."""
    return joint_samples([person.results[protocol].joints for person in people])


def joint_samples(joints: Sequence[JointFit | None]) -> dict[str, Sample]:
    """OKS and its recall, PCK by group of joints, and the share of joints that are not predicted.

    OKS counts people with at least four annotated joints; missed people have 0. PCK and absent joints count visible
    joints; those of missed people are wrong and absent.

    Args:
        joints: of each person; None without annotated keypoints.
    """
    counted = [fit for fit in joints if fit is not None and fit.annotated >= MIN_JOINTS]
    oks_P = np.array([fit.oks for fit in counted])
    each_P = np.ones(len(oks_P))
    found: dict[str, Sample] = {
        "OKS": Ratio(hits_P=oks_P, trials_P=each_P),
        "OKS_recall": Ratio(hits_P=(oks_P[:, None] >= THRESHOLD_T).mean(axis=1), trials_P=each_P),
        "OKS_recall_50": Ratio(hits_P=(oks_P >= THRESHOLD_T[0]).astype(float), trials_P=each_P),
    }
    known = [fit for fit in joints if fit is not None]
    seen_P17 = np.array([fit.seen_17 for fit in known], bool).reshape(-1, 17)
    distance_P17 = np.array([fit.distance_17 for fit in known]).reshape(-1, 17)
    for name, group in {"": tuple(range(17)), **{f"_{name}": group for name, group in JOINT_GROUPS.items()}}.items():
        chosen_PK, trials_P = seen_P17[:, group], seen_P17[:, group].sum(axis=1).astype(float)
        for limit in PCK_LIMITS:
            right_P = (chosen_PK & (distance_P17[:, group] <= limit)).sum(axis=1).astype(float)
            found[f"PCK{limit * 100:02.0f}{name}"] = Ratio(hits_P=right_P, trials_P=trials_P)
        absent_P = (chosen_PK & np.isinf(distance_P17[:, group])).sum(axis=1).astype(float)
        found[f"absent{name}"] = Ratio(hits_P=absent_P, trials_P=trials_P)
    return found
