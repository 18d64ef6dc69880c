"""The browser that drives the studio's pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stages.live.browser import browser_program
from tests.stages.studio.annotating_browser import AnnotatingBrowser


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[AnnotatingBrowser]:
    """A browser with a profile of its own; without Chromium the test is skipped."""
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium on this machine")
    made = AnnotatingBrowser(program, tmp_path / "profile")
    yield made
    made.close()
