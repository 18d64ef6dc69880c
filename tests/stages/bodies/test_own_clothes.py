"""Bodies that wear the clothes of their people: colours of the film in the textures of the files."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.body.charts import MIRROR_CHART
from models.body.fitted_body import FittedBody
from models.surface.atlas import split_tiles
from models.surface.texels import open_body_cover
from stages.bodies.animate import Animate
from stages.payloads import U8, Bodies, FrameChunk, People, Surfaces
from tests.stages.bodies.made_bodies import grey_frames, made_body, shown
from tests.stages.bodies.test_animate import job

FRONT = 2
ARM = 15
"""Charts: the front of the torso, and one of an arm."""
SHIRT = {4: (200, 40, 40), 7: (40, 60, 210)}
SLEEVE = {4: (30, 160, 60), 7: (220, 200, 40)}
FRAMES = 20


def filmed(people: list[list[tuple[int, FittedBody]]]) -> tuple[FrameChunk, People, Surfaces, Bodies]:
    """People in shirts and sleeves of their own colours. The arm on the other side is never seen."""
    frames, (found, surfaces) = grey_frames(len(people)), shown(people)
    rgb_THW3, seen = frames.rgb_THW3.copy(), []
    for n, surface in enumerate(surfaces.people):
        labels_hw = np.where(surface.labels_hw == MIRROR_CHART[ARM], np.uint8(0), surface.labels_hw)
        seen.append(replace(surface, labels_hw=labels_hw))
        window, grid = surface.windows(*rgb_THW3.shape[1:3]) or ((slice(0), slice(0)), (slice(0), slice(0)))
        under_hw3, who = rgb_THW3[found.frame_N[n]][window], int(found.id_N[n])
        under_hw3[labels_hw[grid] > 0] = SHIRT[who]
        under_hw3[labels_hw[grid] == ARM] = SLEEVE[who]
    bodies = Bodies.joined([Bodies.of_frame(one) for one in people])
    return replace(frames, rgb_THW3=rgb_THW3), found, Surfaces(people=tuple(seen)), bodies


@pytest.fixture(scope="module")
def film() -> tuple[FrameChunk, People, Surfaces, Bodies]:
    two = [(4, made_body((-0.5, 0.1, 2.2))), (7, made_body((0.5, 0.1, 2.2)))]
    return filmed([two] * FRAMES)


def own(**changes: object) -> Animate:
    return Animate(Animate.Config(atlas="self", lock_feet=False, **changes))  # type: ignore[arg-type]


def tiles_of(png: bytes) -> U8:
    return split_tiles(np.asarray(Image.open(io.BytesIO(png)).convert("RGB")))


def tiles_of_people(glb: bytes) -> dict[str, U8]:
    """The tiles that the body of each person wears in a GLB."""
    length = int.from_bytes(glb[12:16], "little")
    found, binary = json.loads(glb[20 : 20 + length]), glb[28 + length :]
    worn = {}
    for mesh in found["meshes"]:
        surface = found["materials"][mesh["primitives"][0]["material"]]["pbrMetallicRoughness"]
        image = found["images"][found["textures"][surface["baseColorTexture"]["index"]]["source"]]
        view = found["bufferViews"][image["bufferView"]]
        first = view.get("byteOffset", 0)
        worn[mesh["name"].removesuffix(" body")] = tiles_of(binary[first : first + view["byteLength"]])
    return worn


def assert_worn(tiles_PSS3: U8, who: int) -> None:
    """The shirt at the front, the sleeve on the arm, and the same sleeve on the arm that was never seen."""
    cover_PSS = open_body_cover(tiles_PSS3.shape[1])
    for chart, colour in ((FRONT, SHIRT[who]), (ARM, SLEEVE[who]), (MIRROR_CHART[ARM], SLEEVE[who])):
        worn_3 = np.median(tiles_PSS3[chart - 1][cover_PSS[chart - 1]], axis=0)
        np.testing.assert_allclose(worn_3, colour, atol=12, err_msg=f"chart {chart} of person {who}")


def test_each_body_wears_the_clothes_of_its_person(
    tmp_path: Path, film: tuple[FrameChunk, People, Surfaces, Bodies]
) -> None:
    stage = own()
    Animate.check_settings(stage.config)
    list(stage(job(tmp_path, "both.glb"), *film))
    (receipt,) = stage.flush()
    assert "warnings" not in receipt.facts
    worn = tiles_of_people((tmp_path / "both.glb").read_bytes())
    assert set(worn) == {"person_4", "person_7"}
    for who in SHIRT:
        assert_worn(worn[f"person_{who}"], who)


def test_usd_has_the_clothes_of_each_person(
    tmp_path: Path, film: tuple[FrameChunk, People, Surfaces, Bodies], capfd: pytest.CaptureFixture[str]
) -> None:
    """The package resolves each texture; the library prints no warnings."""
    pytest.importorskip("pxr")
    stage = own()
    list(stage(job(tmp_path, "both.usdz"), *film))
    list(stage.flush())
    assert capfd.readouterr().err == ""
    from pxr import Usd, UsdShade

    scene = Usd.Stage.Open(str(tmp_path / "both.usdz"))
    with zipfile.ZipFile(tmp_path / "both.usdz") as package:
        for who in SHIRT:
            skin = UsdShade.MaterialBindingAPI(scene.GetPrimAtPath(f"/clip/person_{who}/skin"))
            material = skin.ComputeBoundMaterial()[0].GetPath()
            file = UsdShade.Shader(scene.GetPrimAtPath(f"{material}/atlas")).GetInput("file").Get()
            name = file.resolvedPath.partition("[")[2].removesuffix("]")
            assert_worn(tiles_of(package.read(name)), who)


def test_a_restart_keeps_the_clothes(tmp_path: Path, film: tuple[FrameChunk, People, Surfaces, Bodies]) -> None:
    """A film whose second half shows no clothes, with a restart in the middle, gives the bytes of one without."""
    frames = replace(film[0], first=FRAMES, pts_T=film[0].pts_T + FRAMES)
    again = frames, replace(film[1], bridged_N=np.ones(len(film[1]), bool)), *film[2:]
    for name, restarts in (("whole.glb", False), ("parts.glb", True)):
        stage = own()
        list(stage(job(tmp_path, name), *film))
        if restarts:
            state, first = stage.state(), stage
            stage = own()
            stage.restore(state)
            first.close()
        list(stage(job(tmp_path, name), *again))
        list(stage.flush())
    assert (tmp_path / "parts.glb").read_bytes() == (tmp_path / "whole.glb").read_bytes()


def test_in_a_crowd_the_clothes_of_the_less_visible_are_coarse(
    tmp_path: Path, film: tuple[FrameChunk, People, Surfaces, Bodies], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person may have fine clothes: the later one has, the other keeps the colours with fewer texels."""
    monkeypatch.setattr("stages.bodies.recording.MOST_FINE", 1)
    stage = own()
    list(stage(job(tmp_path, "both.glb"), *film))
    state, first = stage.state(), stage
    stage = own()
    stage.restore(state)
    first.close()
    stage.reopen(job(tmp_path, "both.glb"))
    list(stage.flush())
    worn = tiles_of_people((tmp_path / "both.glb").read_bytes())
    assert [len(worn[f"person_{who}"][0]) for who in SHIRT] == [32, 160]
    for who in SHIRT:
        assert_worn(worn[f"person_{who}"], who)


def test_people_whose_clothes_nobody_saw_wear_the_suit_and_the_run_says_so(
    tmp_path: Path, film: tuple[FrameChunk, People, Surfaces, Bodies]
) -> None:
    """Person 7 is propagated from other frames throughout: its pixels may show somebody else."""
    frames, people, surfaces, bodies = film
    stage = own()
    people = replace(people, bridged_N=people.id_N == 7)
    list(stage(job(tmp_path, "both.glb"), frames, people, surfaces, bodies))
    (receipt,) = stage.flush()
    assert receipt.facts["warnings"] == ["the clothes of person_7 are not known: they wear the painted suit"]
    worn = tiles_of_people((tmp_path / "both.glb").read_bytes())
    assert_worn(worn["person_4"], 4)
    assert len(worn["person_7"][0]) == 200, "the painted suit"
