"""Screenshot of the page of a live run: `python -m tools.pictures.live_picture docs/pictures/live.jpg`.

It needs Chromium.

The demo clip is played in a loop and in real time; the screenshot is taken after some seconds. Frame rate and latency
in it are those of the machine.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from tests.benchmarks.speed.end_to_end import ROOT, looped_clip
from tests.stages.live.browser import Browser, browser_program
from tests.stages.live.clock_video import free_port

FRAMES, SHOWN = 1500, 500


def main() -> int:
    """Take the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    target, program, port = parser.parse_args().target, browser_program(), free_port()
    if program is None:
        print("there is no Chromium on this machine")
        return 1
    with tempfile.TemporaryDirectory() as kept:
        clip, screenshot = Path(kept) / "street.mp4", Path(kept) / "page.png"
        looped_clip(ROOT / "configs" / "demo_walk.mp4", 640, 360, FRAMES, clip)
        words = ["-c", "live", str(clip), "--set", f"preview.port={port}", "--set", "live_decode.source.file=play"]
        run = subprocess.Popen([sys.executable, str(ROOT / "run_pipeline.py"), *words], cwd=kept)
        browser = Browser(program, Path(kept) / "profile")
        try:
            size = {"width": 1200, "height": 660, "deviceScaleFactor": 1, "mobile": False}
            browser.call("Emulation.setDeviceMetricsOverride", **size)
            wait_for_page(browser, f"http://127.0.0.1:{port}/")
            browser.run("at('beside').click()")
            browser.wait(f"Number(at('picture').dataset.shown) > {SHOWN}", 90)
            browser.screenshot(screenshot)
        finally:
            browser.close()
            run.send_signal(signal.SIGINT)
            run.wait(60)
        cv2.imwrite(str(target), cv2.imread(str(screenshot)), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return 0


def wait_for_page(browser: Browser, url: str) -> None:
    """Wait until the page shows frames."""
    for _ in range(60):
        browser.open(url)
        try:
            browser.wait("at('lamp').className == 'on' && Number(at('picture').dataset.shown) > 10", 2)
            return
        except AssertionError:
            continue
    raise SystemExit("the page does not load")


if __name__ == "__main__":
    sys.exit(main())
