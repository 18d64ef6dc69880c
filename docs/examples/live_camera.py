"""A function that is called for each frame of a camera, and one when somebody falls: python live_camera.py 0

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


def triggered(callback, state):
    """A function of frames that calls `callback(identity, second)` when this state of a person begins.

    States are `arms_raised`, `sitting`, `lying` and `fallen`. The run needs the setting "frames.states": True.
    """

    def look(frame):
        for identity, change in frame.state_changes:
            if change.begins and change.state == state:
                callback(identity, change.second)

    return look


def show(frame):
    """Print who is there; `frame.overlay_HW3` could be shown in a window."""
    print(f"{frame.index:6d}  people {sorted(frame.people.id_N.tolist())}", flush=True)
    on_fall(frame)
    return frame.index + 1 < LAST


if __name__ == "__main__":
    LAST = int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize  # frames to watch
    on_fall = triggered(lambda identity, second: print(f"person {identity} has fallen, {second:.1f} s"), "fallen")
    watch(sys.argv[1], show, {"frames.states": True})
