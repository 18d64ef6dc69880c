"""Fits and scores the rule by which `verify` tells things from people over a track.

    python -m tests.benchmarks.quality.verification FOLDER [--ahead 0 10] [--write]

FOLDER holds the output of `tests.benchmarks.quality.recorded_videos`. The truth of synthetic videos is exact; that of
real clips is `film_things.json`: boxes of things that a network takes for people, marked by eye, and of detections
that cannot be judged. Each clip is scored with the numbers fitted on all others (`held out`), and with those fitted on
all (`fitted`), which `--write` makes the program's.
"""

from __future__ import annotations

import argparse
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from models.box_overlap import iou
from stages.payloads import F32, Float
from stages.people.person_evidence import RULE, RULE_CUES, ThingRule
from stages.people.track import Track
from stages.people.verify import Verify
from tests.benchmarks.quality.recorded_videos import RecordedVideo, read, recorded_network

THINGS = Path(__file__).with_name("film_things.json")
SAME_PLACE, SAME_THING = 0.5, 0.4
"""Least IoU with the box of a true person, and with that of a thing, to be it."""
WITHIN = 12
"""Frames over which the box of a thing is valid."""
MOST_BEST_SCORE, MOST_MOTION, MARGIN = -0.7, -5.2, 0.3
"""The bounds of doubt and the margin of a decision, as in `ThingRule`."""
RIDGE = 0.003
LOST = 0.003
"""Share of the frames of people that the threshold gives up; a clip weighs as the root of its number of frames."""
FIT_AHEAD = (0, 4, 10)
"""Frames of look-ahead of the samples of the fit."""
KINDS = ("real", "video", "crowd")


@dataclass(slots=True)
class JudgedTrack:
    """One track of a clip.

    Attributes:
        clip: its clip.
        frame_T: indices of the frames with a detection.
        cue_TK: the cues of the track after each.
        shown_s_T: seconds of detections up to each.
        person_T: whether each is a person: 1, 0, or NaN where unknown.
    """

    clip: str
    frame_T: list[int] = field(default_factory=list)
    cue_TK: list[Float] = field(default_factory=list)
    shown_s_T: list[float] = field(default_factory=list)
    person_T: list[float] = field(default_factory=list)

    def later(self, position: int, ahead: int) -> tuple[Float, float]:
        """Cues and seconds of detections by which the detection at a position is judged with a look-ahead."""
        last = bisect_right(self.frame_T, self.frame_T[position] + ahead) - 1
        return self.cue_TK[last], self.shown_s_T[last]

    def decisions(self, rule: ThingRule, ahead: int) -> list[bool]:
        """Whether each detection is taken for a thing."""
        found: list[bool] = []
        for position in range(len(self.frame_T)):
            found.append(rule.is_thing(*self.later(position, ahead), bool(found and found[-1])))
        return found


def by_eye(clip: dict[str, Any], t: int, box_4: F32) -> float:
    """Whether a detection of a real clip is a person: 0 for things, NaN for what cannot be judged, else 1."""
    for name, answer in (("things", 0.0), ("unknown", np.nan)):
        for track in clip[name]:
            near = min(track, key=lambda row: abs(row[0] - t))
            if abs(near[0] - t) <= WITHIN and iou(box_4[None], np.array([near[1:]], np.float32))[0, 0] >= SAME_THING:
                return answer
    return 1.0


def judged_tracks(video: RecordedVideo, known: dict[str, Any]) -> list[JudgedTrack]:
    """All tracks of a clip, with their evidence as the program gathers it."""
    track, verify = Track(Track.Config(box_gain=1.0)), Verify(Verify.Config())
    found: dict[int, JudgedTrack] = {}
    clip = known.get(video.name.removeprefix("real_"), {"things": [], "unknown": []})
    for t, (frames, given, surfaces) in enumerate(zip(video.frames, video.people, video.surfaces, strict=True)):
        (people,) = track(frames, given, surfaces)
        list(verify(frames, people, surfaces))
        for box_4, identity in zip(people.box_N4, people.id_N.tolist(), strict=True):
            if identity < 0:
                continue
            if video.truth:
                person = float(iou(box_4[None], video.truth[t].box_N4).max(initial=0.0) >= SAME_PLACE)
            else:
                person = by_eye(clip, t, box_4)
            one = found.setdefault(identity, JudgedTrack(video.name))
            one.frame_T.append(t)
            one.cue_TK.append(verify.tracks[identity].cues())
            one.shown_s_T.append(verify.tracks[identity].shown_s)
            one.person_T.append(person)
    return list(found.values())


def fitted(tracks: Sequence[JudgedTrack]) -> ThingRule:
    """A logistic regression on the doubtful samples of real clips, with weights of a known sign.

    People and things weigh the same in all; of each, a clip weighs as the root of its number of samples. More
    confidence, more regions, more motion and a better score never speak against a person.
    """
    doubt = ThingRule(
        centre_K=np.zeros(len(RULE_CUES)), scale_K=np.ones(len(RULE_CUES)), weight_K=np.zeros(len(RULE_CUES)), bias=0.0,
        most_best_score=MOST_BEST_SCORE, most_motion=MOST_MOTION, margin=MARGIN,
    )  # fmt: skip
    rows: dict[tuple[float, str], list[Float]] = {}
    for one, position, person in _each(tracks):
        if one.clip.startswith("real_"):
            for cue_K, shown_s in (one.later(position, ahead) for ahead in FIT_AHEAD):
                if doubt.is_doubtful(cue_K, shown_s):
                    rows.setdefault((person, one.clip), []).append(cue_K)
    cue_SK = np.concatenate([np.array(cues) for cues in rows.values()])
    person_S = np.concatenate([np.full(len(cues), person) for (person, _), cues in rows.items()])
    weight_S = np.concatenate([np.full(len(cues), len(cues) ** -0.5) for cues in rows.values()])
    for person in (0.0, 1.0):
        weight_S[person_S == person] /= weight_S[person_S == person].sum()
    centre_K, scale_K = np.nanmean(cue_SK, axis=0), np.nanstd(cue_SK, axis=0)
    best = minimize(
        _cost(np.nan_to_num((cue_SK - centre_K) / scale_K), 2 * person_S - 1, weight_S), np.zeros(len(RULE_CUES) + 1),
        jac=True, bounds=[*[(0, None)] * len(RULE_CUES), (None, None)],
    ).x  # fmt: skip
    rule = replace(doubt, centre_K=centre_K, scale_K=scale_K, weight_K=best[:-1], bias=float(best[-1]))
    return replace(rule, bias=rule.bias - threshold(rule, tracks))


def _each(tracks: Sequence[JudgedTrack]) -> list[tuple[JudgedTrack, int, float]]:
    """The judged detections: track, position in it, 1 for a person or 0."""
    return [
        (one, position, person)
        for one in tracks
        for position, person in enumerate(one.person_T)
        if not np.isnan(person)
    ]


def _cost(standard_SK: Float, sign_S: Float, weight_S: Float) -> Callable[[Float], tuple[float, Float]]:
    """The regression's cost and gradient for weights and bias."""

    def cost(guess: Float) -> tuple[float, Float]:
        margin_S = sign_S * (standard_SK @ guess[:-1] + guess[-1])
        slope_S = -weight_S * sign_S / (1 + np.exp(np.clip(margin_S, -50, 50)))
        gradient = np.append(standard_SK.T @ slope_S + 2 * RIDGE * guess[:-1], slope_S.sum())
        return float(weight_S @ np.logaddexp(0, -margin_S) + RIDGE * guess[:-1] @ guess[:-1]), gradient

    return cost


def threshold(rule: ThingRule, tracks: Sequence[JudgedTrack]) -> float:
    """The log-odds below which `LOST` of the people's frames lie, judged with the longest look-ahead of the fit."""
    found: dict[str, list[float]] = {}
    for one, position, person in _each(tracks):
        if person:
            cue_K, shown_s = one.later(position, max(FIT_AHEAD))
            doubtful = rule.is_doubtful(cue_K, shown_s)
            found.setdefault(one.clip, []).append(rule.log_odds_of_person(cue_K) if doubtful else np.inf)
    odds_S = np.concatenate([np.array(odds) for odds in found.values()])
    weight_S = np.concatenate([np.full(len(odds), len(odds) ** -0.5) for odds in found.values()])
    order_S = np.argsort(odds_S)
    share_S = np.cumsum(weight_S[order_S]) / weight_S.sum()
    lowest = float(odds_S[order_S][np.searchsorted(share_S, LOST)])
    return lowest if np.isfinite(lowest) else 0.0


def counted(rule: ThingRule, tracks: Sequence[JudgedTrack], ahead: int) -> dict[str, Float]:
    """By clip: frames of people, of these lost, frames of things, of these left."""
    counts: dict[str, Float] = {}
    for one in tracks:
        count_4 = counts.setdefault(one.clip, np.zeros(4))
        for person, thing in zip(one.person_T, one.decisions(rule, ahead), strict=True):
            if not np.isnan(person):
                count_4 += (person, person * thing, 1 - person, (1 - person) * (not thing))
    return counts


def print_counts(title: str, counts: dict[str, Float], *, clips: bool) -> None:
    """A line for each kind of clip, and for each clip with a thing or a lost person."""
    for kind in KINDS:
        of_kind = {clip: count_4 for clip, count_4 in counts.items() if clip.startswith(f"{kind}_")}
        if not of_kind:
            continue
        people, lost, things, left = np.sum(list(of_kind.values()), axis=0)
        print(f"{title:22s} {kind:26s} people {people:6.0f}  lost {lost:4.0f} ({lost / max(people, 1):6.2%})  "
              f"things {things:5.0f}  left {left:4.0f} ({left / max(things, 1):4.0%})")  # fmt: skip
        for clip, (people, lost, things, left) in sorted(of_kind.items()):
            if clips and (lost or things):
                print(f"{'':25s} {clip:24s} {people:6.0f} {lost:10.0f} {things:20.0f} {left:10.0f}")


def write_rule(rule: ThingRule, network: str) -> None:
    """Write the numbers of the program."""
    columns = zip(RULE_CUES, rule.centre_K.tolist(), rule.scale_K.tolist(), rule.weight_K.tolist(), strict=True)
    record = {
        "cues": {
            name: {"centre": round(centre, 4), "scale": round(scale, 4), "weight": round(weight, 4)}
            for name, centre, scale, weight in columns
        },
        "bias": round(rule.bias, 4),
        "most_best_score": rule.most_best_score,
        "most_motion": rule.most_motion,
        "margin": rule.margin,
        "fitted_on": network.split()[0],
    }
    RULE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ahead", type=int, nargs="+", default=[0, 10], help="frames of look-ahead")
    parser.add_argument("--write", action="store_true", help="write the program's numbers")
    options = parser.parse_args()
    known = json.loads(THINGS.read_text(encoding="utf-8"))
    by_clip = {
        video.name: judged_tracks(video, known)
        for video in read(options.folder)
        if video.truth or video.name.removeprefix("real_") in known
    }
    everything = [one for tracks in by_clip.values() for one in tracks]
    others = {clip: fitted([one for one in everything if one.clip != clip]) for clip in by_clip}
    rule = fitted(everything)
    for ahead in options.ahead:
        held_out: dict[str, Float] = {}
        for clip, tracks in by_clip.items():
            held_out |= counted(others[clip], tracks, ahead)
        print_counts(f"held out, ahead {ahead}", held_out, clips=ahead == max(options.ahead))
        print_counts(f"fitted, ahead {ahead}", counted(rule, everything, ahead), clips=False)
    if options.write:
        write_rule(rule, recorded_network(sorted(options.folder.glob("*.npz"))[0]))


if __name__ == "__main__":
    main()
