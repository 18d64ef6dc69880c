"""The result as a camera that other programs open: v4l2loopback on Linux, OBS on Windows and macOS."""

from __future__ import annotations

from fractions import Fraction

from pipeline.stage import StageError
from stages.payloads import U8, VideoInfo

DEFAULT_RATE = Fraction(30)


class VirtualCamera:
    """One virtual camera; see `stages.live.broadcast.FrameOutput`."""

    def __init__(self, output: str, video: VideoInfo) -> None:
        """Open the camera.

        Args:
            output: `camera://` for the first virtual camera, `camera:///dev/video10` for a certain one.

        Raises:
            StageError: the package pyvirtualcam is not installed, or there is no such camera.
        """
        try:
            import pyvirtualcam
        except ImportError as error:
            what = "virtual cameras need the package pyvirtualcam"
            raise StageError(
                what, output, "pip install 'densepose-video[camera]', or pip install pyvirtualcam"
            ) from error
        device = output.partition("://")[2] or None
        rate = float(video.rate or DEFAULT_RATE)
        try:
            self._camera = pyvirtualcam.Camera(width=video.width, height=video.height, fps=rate, device=device)
        except (RuntimeError, ValueError) as error:
            remedy = "on Linux load the kernel module v4l2loopback, elsewhere install OBS (docs/live.md)"
            raise StageError(f"there is no virtual camera ({error})", output, remedy) from error
        self._sent = 0
        self.connected = True

    def send(self, rgb_HW3: U8, pts: int) -> None:
        """See `FrameOutput`."""
        self._camera.send(rgb_HW3)
        self._sent += 1

    @property
    def facts(self) -> dict[str, int]:
        """Frames sent."""
        return {"sent": self._sent}

    @property
    def warnings(self) -> list[str]:
        """Always empty: no frame is lost."""
        return []

    @property
    def given_up(self) -> list[str]:
        """Always empty: there is no connection to lose."""
        return []

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()
