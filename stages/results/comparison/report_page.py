"""The report of a comparison: sentences about each repetition, tables, the worst moments, in one HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import numpy as np

from models.files.jpeg_image import jpeg_of
from models.motion.continuous_angles import angle_differences
from models.motion.repetition_measures import RepetitionMeasures, main_columns
from stages.payloads import U8
from stages.results.comparison.difference import Difference

LEAST_DEG, LEAST_S, MOST_JOINTS = 10.0, 0.4, 3
"""Smaller differences are not in the report; of the joints only the worst are."""
WORST, APART_S = 4, 1.0
"""Number of worst moments, and least seconds between them."""
NO_DEVICE = (
    "Not a medical device: angles are estimates from one camera. "
    "A difference that is smaller than its ± may be an error."
)
EQUAL = f"No main joint differs by {LEAST_DEG:.0f}° or more at any moment."


def _ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th …"""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def repetition_sentences(
    of_a: Sequence[RepetitionMeasures], of_b: Sequence[RepetitionMeasures], names: Sequence[str], movement: str
) -> list[str]:
    """What is different in B, a sentence for each pair of repetitions, and one if their numbers differ."""
    main = [names[k] for k in main_columns(names)]
    found = []
    for number, (a, b) in enumerate(zip(of_a, of_b, strict=False), 1):
        change_F = np.nan_to_num(angle_differences(a.turn_F, b.turn_F, main))
        worst = [k for k in np.argsort(-np.abs(change_F))[:MOST_JOINTS] if abs(change_F[k]) >= LEAST_DEG]
        parts = [f"{_spoken(main[k])} {abs(change_F[k]):.0f}° {'more' if change_F[k] > 0 else 'less'}" for k in worst]
        slower = b.duration_s - a.duration_s
        if a.repetition.complete and b.repetition.complete and abs(slower) >= LEAST_S:
            parts.append(f"{abs(slower):.1f} s {'longer' if slower > 0 else 'shorter'}")
        found.append(f"{_ordinal(number)} {movement}: {', '.join(parts) or 'like A'}.")
    if len(of_a) != len(of_b):
        found.append(f"A has {len(of_a)}, B has {len(of_b)}: the others have no partner.")
    return found


def _spoken(name: str) -> str:
    """`left knee` of `left_knee_flexion`; other angles in full."""
    return name.removesuffix("_flexion").removesuffix("_angle_image_plane").replace("_", " ")


def worst_rows(difference: Difference, second_T: np.ndarray) -> list[int]:
    """The rows in which the main angles that are seen differ most, worst first, at least `APART_S` from each other.

    Rows without a difference of `LEAST_DEG` are left out.
    """
    columns = main_columns(difference.angle_names)
    size_TF = np.where(difference.seen_TA, np.abs(difference.angle_TA), 0.0)[:, columns]
    size_TF = np.nan_to_num(size_TF)
    chosen: list[int] = []
    for row in np.argsort(-size_TF.mean(axis=1)).tolist():
        if size_TF[row].max() < LEAST_DEG:
            continue
        if all(abs(second_T[row] - second_T[other]) >= APART_S for other in chosen):
            chosen.append(row)
        if len(chosen) == WORST:
            break
    return chosen


def pose_sentence(difference: Difference, row: int) -> str:
    """The largest differences at a moment: `left knee +14° ±20°`."""
    columns = np.array(main_columns(difference.angle_names))
    change_F = np.where(difference.seen_TA[row], difference.angle_TA[row], 0.0)[columns]
    parts = []
    for at in np.argsort(-np.abs(np.nan_to_num(change_F)))[:MOST_JOINTS]:
        k = int(columns[at])
        width = difference.interval_TA[row, k]
        interval = f" (±{width:.0f}°)" if np.isfinite(width) else ""
        parts.append(f"{_spoken(difference.angle_names[k])} {np.nan_to_num(change_F)[at]:+.0f}°{interval}")
    return ", ".join(parts)


def report_page(
    names: tuple[str, str], sentences: Sequence[str], tables: Sequence[tuple[str, str]], film: bytes | None,
    moments: Sequence[tuple[str, U8]], plot_png: bytes,
) -> str:
    """The page. `names`: of both inputs; `tables`: a heading and CSV text; `moments`: a caption and an image each."""
    a, b = (html.escape(name) for name in names)
    title = f"{a} and {b}"
    parts = [f"<h1>{title}</h1>", f"<p>A, left: {a}. B, right: {b}.</p>"]
    parts += [f"<p class=note>{NO_DEVICE}</p>", "<h2>What is different in B</h2>", "<ul>"]
    parts += [*(f"<li>{html.escape(sentence)}</li>" for sentence in sentences), "</ul>"]
    if film is not None:
        parts.append(f'<video controls loop muted src="{_data("video/mp4", film)}"></video>')
    parts += ["<h2>Where they differ most</h2>", "" if moments else f"<p>{EQUAL}</p>"]
    for caption, image in moments:
        source = _data("image/jpeg", jpeg_of(image, 85))
        parts.append(f'<figure><img src="{source}" alt=""><figcaption>{html.escape(caption)}</figcaption></figure>')
    for heading, text in tables:
        parts += [f"<h2>{html.escape(heading)}</h2>", _table(text)]
    parts += ["<h2>Over time</h2>", f'<img src="{_data("image/png", plot_png)}" alt="">']
    return PAGE.format(title=title, body="\n".join(parts))


def _table(text: str) -> str:
    head, *others = text.splitlines()
    rows = [line.split(",") for line in (head.replace("_", " "), *others)]
    cells = [[f"<td>{html.escape(cell)}</td>" for cell in row[:TABLE_COLUMNS]] for row in rows]
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    return f"<div class=wide><table>{lines}</table></div>"


TABLE_COLUMNS = 15
"""Columns of a table that the page shows; the file has all."""


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; color: #222 }}
video, img {{ max-width: 100%; border-radius: 6px }} figure {{ margin: 1rem 0 }} figcaption, .note {{ color: #555 }}
ul {{ font-size: 1.1rem }} table {{ border-collapse: collapse; font-size: .85rem }} .wide {{ overflow-x: auto }}
td {{ border-bottom: 1px solid #ddd; padding: .2rem .5rem; white-space: nowrap }} tr:first-child {{ font-weight: 600 }}
</style></head><body>
{body}
</body></html>
"""
