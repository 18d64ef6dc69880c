"""The result as a camera that other programs open: v4l2loopback on Linux, OBS's on Windows and macOS."""

from __future__ import annotations

from fractions import Fraction

from pipeline.stage import StageError
from stages.payloads import U8, VideoInfo

USUAL_RATE = Fraction(30)


class VirtualCamera:
    """One virtual camera; see `stages.live.broadcast.Outlet`."""

    def __init__(self, output: str, video: VideoInfo) -> None:
        """Open it.

        Args:
            output: `camera://` for the first one there is, `camera:///dev/video10` for one by name.

        Raises:
            StageError: the package that does it is not installed, or there is no such camera.
        """
        try:
            import pyvirtualcam
        except ImportError as error:
            what = "virtual cameras need the package pyvirtualcam"
            raise StageError(
                what, output, "pip install 'densepose-video[camera]', or pip install pyvirtualcam"
            ) from error
        device = output.partition("://")[2] or None
        rate = float(video.rate or USUAL_RATE)
        try:
            self._camera = pyvirtualcam.Camera(width=video.width, height=video.height, fps=rate, device=device)
        except (RuntimeError, ValueError) as error:
            remedy = "on Linux load the kernel module v4l2loopback, elsewhere install OBS (docs/live.md)"
            raise StageError(f"there is no virtual camera ({error})", output, remedy) from error
        self._sent = 0
        self.connected = True

    def send(self, rgb_HW3: U8, pts: int) -> None:
        """See `Outlet`."""
        self._camera.send(rgb_HW3)
        self._sent += 1

    @property
    def facts(self) -> dict[str, int]:
        """Frames shown."""
        return {"sent": self._sent}

    @property
    def warnings(self) -> list[str]:
        """Nothing is lost on the way to a camera."""
        return []

    @property
    def given_up(self) -> list[str]:
        """See `Outlet`."""
        return []

    def close(self) -> None:
        """Give it back."""
        self._camera.close()
