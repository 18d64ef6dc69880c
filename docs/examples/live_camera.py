"""A function that is called for each frame of a camera: python live_camera.py 0

Frames that come while one is computed are dropped, so the delay does not grow. The function ends the run by returning
False; Ctrl-C does, too. A file stands in for a camera: it is played at its own speed.
"""

import sys

from densepose_video import run


def watch(source, callback, settings=None):
    """Call `callback(frame)` for each frame until it returns False. Returns the number of frames."""
    count = 0
    frames = run("live", source, settings=settings)
    try:
        for frame in frames:
            count += 1
            if callback(frame) is False:
                break
    except KeyboardInterrupt:
        pass
    finally:
        frames.close()
    return count


def show(frame):
    """Print who is there; `frame.overlay_HW3` could be shown in a window."""
    print(f"{frame.index:6d}  people {sorted(frame.people.id_N.tolist())}", flush=True)
    return frame.index + 1 < LAST


if __name__ == "__main__":
    LAST = int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize  # frames to watch
    watch(sys.argv[1], show)
