"""A browser in which an annotator works: mouse, keys and fingers, and places of the image and of the views."""

from __future__ import annotations

from pathlib import Path

from tests.stages.live.browser import Browser

WIDTH, HEIGHT = 1280, 720
SHIFT = 8
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 20))))"
"""JavaScript: the window is drawn as it is now."""
Place = tuple[float, float]


class AnnotatingBrowser(Browser):
    """One annotator's page, 1280 × 720."""

    def __init__(self, program: str, folder: Path) -> None:
        super().__init__(program, folder)
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def begin(self, address: str, who: str) -> None:
        """Open the page, and give the name where it is asked for; wait until the image and its proposals are there."""
        self.log_in(address, who)
        self.ready()

    def log_in(self, address: str, who: str) -> None:
        """Open the page, and give the name where it is asked for."""
        self.open(address)
        self.wait("document.getElementById('login').open || document.body.dataset.ready", 60)
        if self.run("document.getElementById('login').open"):
            self.run(f"document.getElementById('who').value = '{who}'; document.querySelector('#login button').click()")

    def ready(self) -> None:
        """Wait until the image and its proposals are there."""
        self.wait("Boolean(studio.picture.image && studio.work.proposals.length)", 60)

    def mouse(self, kind: str, place: Place, pressed: bool) -> None:
        """One event of the mouse."""
        button = {"button": "left", "buttons": 1} if pressed or kind == "mouseReleased" else {"button": "none"}
        self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], clickCount=1, **button)

    def click(self, place: Place) -> None:
        """Press and release at a place of the window."""
        self.drag([place])

    def drag(self, places: list[Place]) -> None:
        """Press, move and release."""
        self.mouse("mousePressed", places[0], True)
        for place in places[1:]:
            self.mouse("mouseMoved", place, True)
        self.mouse("mouseReleased", places[-1], False)

    def touch(self, steps: list[list[Place]]) -> None:
        """Fingers: their places at each step; they are lifted at the end."""
        for number, fingers in enumerate(steps):
            points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(fingers)]
            kind = "touchMove" if number and len(fingers) == len(steps[number - 1]) else "touchStart"
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def key(self, key: str) -> None:
        """Press a key; a capital letter with Shift."""
        kind = ("Digit" if key.isdigit() else "Key" if key.isalpha() else "") if len(key) == 1 else ""
        code = f"{kind}{key.upper()}" if kind else key
        shift = SHIFT if len(key) == 1 and key.isupper() else 0
        for event in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=event, key=key, code=code, modifiers=shift)

    def on_image(self, x: float, y: float) -> Place:
        """Where a place of the image is in the window."""
        left, top, scale, dx, dy = self.run(
            "(() => { const p = studio.picture, r = p.canvas.getBoundingClientRect();"
            "return [r.left, r.top, p.scale, p.left, p.top]; })()"
        )
        return left + dx + scale * x, top + dy + scale * y

    def on_view(self, view: int, x: float, y: float) -> Place:
        """Where a place of a view is in the window."""
        left, top, scale, dx, dy, side = self.run(
            "(() => { const v = studio.views, r = v.canvas.getBoundingClientRect();"
            "return [r.left, r.top, v.scale, v.left, v.top, studio.work.side]; })()"
        )
        return left + dx + scale * (view % 3 * side + x), top + dy + scale * (view // 3 * side + y)
