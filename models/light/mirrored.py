"""A person asked for twice, as seen and in the mirror, and what both answers say together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.surface.charts import mirror_maps

F32 = npt.NDArray[Any]


def agreed(seen_5GG: F32, mirror_5GG: F32) -> F32:
    """The maps of a crop and those of its mirror image as one; both as `PickedSurface` gives them, float32.

    The person's logit is the mean. Where both name the same chart, U, V and its probability are means too; elsewhere
    the surer one is believed, with half its probability, since the other gave that chart next to none.
    """
    person_GG, chart_GG, u_GG, v_GG, share_GG = seen_5GG
    turned_5GG = mirror_5GG[:, :, ::-1]
    turned_chart, (turned_u, turned_v) = mirror_maps(mirror_5GG[1].astype(np.uint8), mirror_5GG[2:4])
    turned_share = turned_5GG[4]
    same, surer = chart_GG == turned_chart, share_GG >= turned_share
    return np.stack(
        [
            (person_GG + turned_5GG[0]) / 2,
            np.where(surer, chart_GG, turned_chart),
            np.where(same, (u_GG + turned_u) / 2, np.where(surer, u_GG, turned_u)),
            np.where(same, (v_GG + turned_v) / 2, np.where(surer, v_GG, turned_v)),
            np.where(same, share_GG + turned_share, np.maximum(share_GG, turned_share)) / 2,
        ]
    ).astype(np.float32)
