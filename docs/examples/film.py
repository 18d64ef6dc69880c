"""A row for each person of each frame of a film: python film.py dance.mp4 people.csv"""

import csv
import sys

from densepose_video import run


def main(film: str, table: str) -> None:
    with open(table, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["frame", "seconds", "identity", "score", "left", "top", "right", "bottom", "visible charts"])
        for frame in run("video", film):
            people = frame.people
            for i, surface in enumerate(frame.surfaces.people):
                charts = sorted(set(surface.labels_hw.ravel().tolist()) - {0})
                box = [round(float(corner), 1) for corner in people.box_N4[i]]
                rows.writerow([frame.index, frame.seconds, people.id_N[i], people.score_N[i], *box, len(charts)])


if __name__ == "__main__":
    main(*sys.argv[1:])
