"""The page of a take, opened by a real browser from a file, without a network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.animation.gltf_writer import SceneCamera, gltf_bytes
from models.animation.viewer_page import VideoPicture, viewer_page
from tests.models.animation.clips import animated, library_motion
from tests.stages.live.browser import Browser, browser_program

CAMERA = SceneCamera(pose_44=np.diag([1.0, -1, -1, 1]), focal_px=900.0, width=1280, height=720)
SHOWN = "(() => { const c = document.querySelector('canvas'); return c.width > 100 && c.height > 100; })()"
FARTHEST_FROM_MIDDLE = """(() => {
  let most = 0;
  eye.updateMatrixWorld(true);
  scene.traverse(mesh => {
    for (let k = 0; mesh.isSkinnedMesh && k < mesh.geometry.attributes.position.count; k += 10) {
      const place = mesh.localToWorld(mesh.getVertexPosition(k, new THREE.Vector3())).project(eye);
      most = Math.max(most, Math.abs(place.x), Math.abs(place.y));
    }
  });
  return most;
})()"""


def test_a_browser_plays_the_take(tmp_path: Path) -> None:
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium on this machine")
    motion = library_motion(8)
    person = animated("person_1", motion, "own")
    glb = gltf_bytes([person], CAMERA)
    _, jpeg = cv2.imencode(".jpg", np.full((9, 16, 3), 80, np.uint8))
    page = tmp_path / "take.html"
    page.write_text(viewer_page("a <b> take", glb, [VideoPicture(second=0.0, jpeg=jpeg.tobytes())], CAMERA))
    browser = Browser(program, tmp_path / "profile")
    try:
        browser.open(page.as_uri())
        if not browser.wait("document.title === 'a <b> take' && (document.body.dataset.ready || !window.THREE)"):
            pytest.fail("the page does not show its title")
        if browser.run("!document.querySelector('canvas')?.getContext('webgl2')"):
            pytest.skip("this browser has no WebGL")
        assert browser.run("document.body.dataset.ready") == "yes" and browser.run(SHOWN)
        assert 0.3 < float(str(browser.run(FARTHEST_FROM_MIDDLE))) <= 1, "the whole person is in the window"
        assert browser.run("document.querySelector('#film img').naturalWidth") == 16
        first = browser.run("seconds")
        assert browser.wait(f"seconds !== {first}"), "it plays"
        assert browser.run("performance.getEntriesByType('resource').every(one => /^(data|blob):/.test(one.name))")
    finally:
        browser.close()
