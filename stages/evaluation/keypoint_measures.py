"""Measures of the places of people's joints, as samples over people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.metrics.bootstrap import Ratio, Sample
from models.metrics.densepose_evaluator import THRESHOLD_T
from models.metrics.joints import JOINT_GROUPS, MIN_JOINTS, JointFit
from stages.evaluation.person_scores import PersonScore

REACHES = (0.05, 0.1)
"""Largest distances of right joints, as shares of the longer side of the person's box."""


def keypoint_measures(people: Sequence[PersonScore], protocol: str) -> dict[str, Sample]:
    """The measures of joints under a protocol (see `joint_samples`)."""
    return joint_samples([person.results[protocol].joints for person in people])


def joint_samples(joints: Sequence[JointFit | None]) -> dict[str, Sample]:
    """OKS and its recall, PCK by group of joints, and the share of joints that are not predicted.

    OKS: people with at least four annotated joints; missed people have 0. PCK and absent joints: visible joints, those
    of missed people are wrong and absent.

    Args:
        joints: of every person; None without annotated keypoints.
    """
    enough = [one for one in joints if one is not None and one.annotated >= MIN_JOINTS]
    oks_P = np.array([one.oks for one in enough])
    each_P = np.ones(len(oks_P))
    found: dict[str, Sample] = {
        "OKS": Ratio(hits_P=oks_P, trials_P=each_P),
        "OKS_recall": Ratio(hits_P=(oks_P[:, None] >= THRESHOLD_T).mean(axis=1), trials_P=each_P),
        "OKS_recall_50": Ratio(hits_P=(oks_P >= THRESHOLD_T[0]).astype(float), trials_P=each_P),
    }
    known = [one for one in joints if one is not None]
    seen_P17 = np.array([one.seen_17 for one in known], bool).reshape(-1, 17)
    away_P17 = np.array([one.away_17 for one in known]).reshape(-1, 17)
    for name, group in {"": tuple(range(17)), **{f"_{name}": group for name, group in JOINT_GROUPS.items()}}.items():
        chosen_PK, trials_P = seen_P17[:, group], seen_P17[:, group].sum(axis=1).astype(float)
        for reach in REACHES:
            right_P = (chosen_PK & (away_P17[:, group] <= reach)).sum(axis=1).astype(float)
            found[f"PCK{reach * 100:02.0f}{name}"] = Ratio(hits_P=right_P, trials_P=trials_P)
        absent_P = (chosen_PK & np.isinf(away_P17[:, group])).sum(axis=1).astype(float)
        found[f"absent{name}"] = Ratio(hits_P=absent_P, trials_P=trials_P)
    return found
