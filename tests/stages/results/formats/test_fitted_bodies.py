"""Exports of fitted bodies: joints and vertices that the picture shows, depth, meshes with texture."""

from __future__ import annotations

from csv import DictReader
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models.body.body_pose import posed_keypoints, posed_vertices
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.motion.clinical_angles import JOINT_ANGLES
from models.surface.atlas import atlas_from_tiles, sample_atlas, split_tiles
from pipeline.batch.split_graph import split_run
from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.configuration.config import RunConfig, read_config, validate
from pipeline.configuration.conversion import ConfigError
from pipeline.stage import Job, StageError
from stages import STAGES
from stages.payloads import Bodies, FrameChunk
from stages.results.export import Export
from stages.results.formats.image_plane_angles import IMAGE_PLANE_ANGLES
from stages.results.formats.mesh import portrait_atlas
from stages.results.formats.writer import BodySettings, CsvSettings
from tests.stages.bodies.made_bodies import (
    CAMERA,
    FOCAL,
    HEIGHT,
    VIDEO,
    WIDTH,
    grey_frames,
    left_elbow_deg,
    made_body,
    shown,
)

JOB = Job(index=0, input="walk.mp4", output="out.mp4", stem="walk")
NEAR, FAR = made_body((0.15, 0, 3.0), turn_deg=25, bend_deg=50, shape=1.5), made_body((-0.1, 0.1, 4.5))
SCENE = [[(4, NEAR), (7, FAR)], [], [(7, FAR)]]


def written(folder: Path, kind: str, settings: BodySettings | None = None, scene: list = SCENE) -> Path:
    """The folder of an export of the scene."""
    stage = Export(Export.Config(to={kind: str(folder / kind)}, bodies=settings or BodySettings()))
    bodies = Bodies.joined([Bodies.of_frame(people) for people in scene])
    stage(JOB, grey_frames(len(scene)), *shown(scene), None, bodies)
    list(stage.flush())
    stage.close()
    return folder / kind


def test_bodies_hold_what_is_fitted_in_the_cameras_frame(tmp_path: Path) -> None:
    folder = written(tmp_path, "bodies", BodySettings(vertices=True))
    assert sorted(path.name for path in folder.iterdir()) == [
        "body.npz", "frame_000000.npz", "frame_000001.npz", "frame_000002.npz",
    ]  # fmt: skip
    with np.load(folder / "frame_000000.npz") as first, np.load(folder / "body.npz") as mesh:
        assert first["ids_N"].tolist() == [4, 7] and first["joint_names"].tolist() == list(KEYPOINT_NAMES)
        assert (float(first["focal_px"]), first["center_2"].tolist()) == (FOCAL, [WIDTH / 2, HEIGHT / 2])
        for n, body in enumerate((NEAR, FAR)):
            assert np.abs(first["joints_NJ3"][n] - posed_keypoints(body.pose)).max() < 1e-5
            assert np.abs(first["vertices_NV3"][n] - posed_vertices(body.pose)).max() < 1e-5
            assert np.array_equal(first["rotations_NB33"][n], body.pose.rotation_B33)
            assert np.array_equal(first["roots_N3"][n], body.pose.root_3)
            assert np.array_equal(first["shape_NC"][n], body.pose.shape_C)
        assert (first["confidence_NJ"].shape, first["seen_NB"].shape) == ((2, 23), (2, 104))
        assert (int(first["frame"]), int(first["pts"])) == (0, 0)
        assert np.array_equal(mesh["face_F3"], load_body().face_F3)
        assert (mesh["chart_F"].max(), mesh["corner_uv_F32"].shape) == (24, (len(mesh["face_F3"]), 3, 2))
        ankle = KEYPOINT_NAMES.index("left_ankle")  # y points down, the person's left is on the right in the picture
        x, y, z = first["joints_NJ3"][1, ankle]
        assert x > first["joints_NJ3"][1, ankle + 1, 0] and y > 0.5 and z == pytest.approx(4.5, abs=0.2)


def test_frames_without_bodies_have_empty_arrays_of_the_same_shape(tmp_path: Path) -> None:
    folder = written(tmp_path, "bodies")
    with np.load(folder / "frame_000001.npz") as empty, np.load(folder / "frame_000002.npz") as one:
        assert set(empty) == set(one) and "vertices_NV3" not in one
        for name in ("ids_N", "joints_NJ3", "rotations_NB33", "shape_NC", "confidence_NJ", "seen_NB"):
            assert empty[name].shape == (0, *one[name].shape[1:]) and empty[name].dtype == one[name].dtype
        assert np.isnan(empty["focal_px"])


def test_depth_is_that_of_the_nearest_body_in_millimetres(tmp_path: Path) -> None:
    folder = written(tmp_path, "depth")
    first, nobody, alone = (cv2.imread(str(folder / f"frame_{t:06d}.png"), cv2.IMREAD_UNCHANGED) for t in range(3))
    assert first.dtype == np.uint16 and first.shape == (HEIGHT, WIDTH) and not nobody.any()
    hip_J3 = posed_keypoints(NEAR.pose)[[KEYPOINT_NAMES.index("left_hip"), KEYPOINT_NAMES.index("right_hip")]]
    middle_13 = hip_J3.mean(axis=0, keepdims=True)
    x, y = np.rint(CAMERA.project(middle_13)[0]).astype(int)
    skin_mm = 1000 * (middle_13[0, 2] - 0.1)  # before the middle of the hips
    assert first[y, x] == pytest.approx(skin_mm, abs=60)
    assert set(np.unique(alone // 1000)) <= {0, 4}
    each = [cv2.imread(str(folder / f"person_{n}" / "frame_000000.png"), cv2.IMREAD_UNCHANGED) for n in (4, 7)]
    both = (each[0] > 0) & (each[1] > 0)
    assert both.sum() > 500 and np.array_equal(first[both], each[0][both])  # the near one hides the far one
    assert np.array_equal(first > 0, (each[0] > 0) | (each[1] > 0))
    assert np.array_equal(each[1], alone)


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (V, 3), texture coordinates (K, 2), and the corners of faces (F, 3, 2) as indices of both."""
    rows: dict[str, list] = {"v": [], "vt": [], "f": []}
    for line in path.read_text().splitlines():
        word, *values = line.split()
        if word == "f":
            rows["f"].append([[int(n) - 1 for n in corner.split("/")] for corner in values])
        elif word in rows:
            rows[word].append([float(value) for value in values])
    return np.array(rows["v"]), np.array(rows["vt"]), np.array(rows["f"])


def test_a_mesh_wears_the_atlas_that_the_style_texture_would_draw(tmp_path: Path) -> None:
    """Each face's middle has the colour of the atlas at its chart, U and V, read from the texture beside the mesh."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 255, (6 * 8, 4 * 8, 3), dtype=np.uint8)
    atlas = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    Image.fromarray(atlas).save(tmp_path / "clothes.png")
    folder = written(tmp_path, "mesh", BodySettings(atlas=str(tmp_path / "clothes.png")))
    assert sorted(path.name for path in folder.iterdir()) == [
        "atlas.png", "body.mtl", "frame_000000_4.obj", "frame_000000_7.obj", "frame_000002_7.obj",
    ]  # fmt: skip
    assert "map_Kd atlas.png" in (folder / "body.mtl").read_text()
    vertex_V3, place_K2, corner_F32 = read_obj(folder / "frame_000000_4.obj")
    assert np.abs(vertex_V3 - posed_vertices(NEAR.pose) * [1, -1, -1]).max() < 1e-4
    body = load_body()
    assert np.array_equal(corner_F32[..., 0], body.face_F3)
    texture = np.asarray(Image.open(folder / "atlas.png").convert("RGB"))
    middle_F2 = place_K2[corner_F32[..., 1]].mean(axis=1)
    column_F = (middle_F2[:, 0] * texture.shape[1]).astype(int)
    row_F = ((1 - middle_F2[:, 1]) * texture.shape[0]).astype(int)
    uv_2F = body.corner_uv_F32.mean(axis=1).T[:, None]
    strip = atlas_from_tiles(split_tiles(atlas)).levels[0]
    expected_F3 = sample_atlas(strip, body.chart_F[None], uv_2F)[0, :, :3].astype(int)
    away_F = np.abs(texture[row_F, column_F].astype(int) - expected_F3).max(axis=1)
    assert (away_F <= 2).mean() > 0.6 and np.median(away_F) <= 2  # the rest lies where two squares of the atlas meet


def table(folder: Path, csv: CsvSettings, scene: list, bodies: Bodies, frames: FrameChunk) -> list[dict[str, str]]:
    """The rows of the export `csv` of the scene."""
    stage = Export(Export.Config(to={"csv": str(folder / "people.csv")}, csv=csv))
    stage(JOB, frames, *shown(scene), None, bodies)
    list(stage.flush())
    stage.close()
    with (folder / "people.csv").open(newline="") as file:
        return list(DictReader(file))


@pytest.mark.parametrize("still", [False, True])
def test_the_angles_of_the_table_are_those_of_each_persons_body(tmp_path: Path, still: bool) -> None:
    """In space, whoever has a body; nobody's cells hold angles of the image plane or of somebody else."""
    hidden = replace(NEAR, seen_B=NEAR.seen_B * 0)
    straight, bent = made_body((0, 0, 4.0), turn_deg=-70), made_body((0.4, 0, 4.0), turn_deg=80, bend_deg=60)
    ids = [-1] * 4 if still else [4, 9, 7, 8]
    people = list(zip(ids, (bent, FAR, straight, hidden), strict=True))
    bodies = Bodies.of_frame([people[0], people[2], people[3]], [0, 2, 3])
    video = replace(VIDEO, still=still)
    rows = table(tmp_path, CsvSettings(), [people], bodies, grey_frames(1, video=video))
    told = [rows[n]["left_elbow_flexion"] for n in range(4)]
    assert float(told[0]) - float(told[2]) == pytest.approx(left_elbow_deg(bent) - left_elbow_deg(straight), abs=5)
    assert (told[1], told[3]) == ("", "")
    assert all(rows[1][name] == rows[3][name] == "" for name in JOINT_ANGLES)
    assert not [column for column in rows[0] if "image_plane" in column]


def test_angles_of_the_image_plane_are_named_so_and_announced_once(tmp_path: Path) -> None:
    config = stages_of("video", "--export", "csv=c.csv", "--set", "csv.angles=image_plane").stages["export"]
    (sentence,) = Export.announce(config)
    assert sentence.startswith("export csv: angles are measured in the image plane, so limbs that point towards the")
    assert Export.needs(config) == () and Export.announce(Export.Config(to={"csv": "c.csv"})) == []
    rows = table(tmp_path, config.csv, SCENE, Bodies.joined([Bodies.of_frame([])] * 3), grey_frames(3))
    assert [name for name in rows[0] if "angle" in name or name in JOINT_ANGLES] == list(IMAGE_PLANE_ANGLES)
    assert all(name.endswith("_angle_image_plane") for name in IMAGE_PLANE_ANGLES)
    assert 0 < float(rows[0]["left_knee_angle_image_plane"]) <= 180


def test_a_table_without_angles_has_no_columns_for_them(tmp_path: Path) -> None:
    nobody = Bodies.joined([Bodies.of_frame([])] * 3)
    rows = table(tmp_path, CsvSettings(angles="none"), SCENE, nobody, grey_frames(3))
    assert list(rows[0])[-2:] == ["right_ankle_seen", "bridged"]


def test_settings_of_a_table_that_is_not_written_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"csv\.angles is for the export 'csv' alone; add --export csv=FILE"):
        stages_of("video", "--set", "csv.angles=none")


def test_of_a_photo_meshes_have_the_numbers_of_all_people(tmp_path: Path) -> None:
    """The first person has no body; the mesh of the second keeps the number that `inds` gives this person."""
    still, scene = replace(VIDEO, still=True), [[(-1, FAR), (-1, NEAR)]]
    stage = Export(Export.Config(to={"mesh": str(tmp_path / "mesh")}))
    bodies = Bodies.joined([Bodies.of_frame([(-1, NEAR)], [1])])
    stage(JOB, grey_frames(1, video=still), *shown(scene), None, bodies)
    stage.close()
    assert [path.name for path in (tmp_path / "mesh").glob("*.obj")] == ["walk_2.obj"]


def test_a_mesh_without_an_atlas_has_a_plain_material(tmp_path: Path) -> None:
    folder = written(tmp_path, "mesh")
    assert "map_Kd" not in (folder / "body.mtl").read_text() and not (folder / "atlas.png").exists()


def test_an_atlas_that_is_none_is_refused_before_the_start(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50)).save(tmp_path / "square.png")
    wrong = {"square.png": "an atlas of 50×50 pixels is not 24 square tiles", "gone.png": "no such image"}
    for name, what in wrong.items():
        config = Export.Config(to={"mesh": str(tmp_path / "m")}, bodies=BodySettings(atlas=str(tmp_path / name)))
        with pytest.raises(StageError, match=rf"bodies\.atlas: .*{name}: {what}"):
            Export.check(config, JOB)


def test_a_landscape_atlas_becomes_a_portrait_one(tmp_path: Path) -> None:
    tiles = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    landscape = tiles.reshape(4, 6, 4, 4, 3).transpose(0, 2, 1, 3, 4).reshape(16, 24, 3)
    Image.fromarray(landscape).save(tmp_path / "wide.png")
    assert np.array_equal(split_tiles(portrait_atlas(str(tmp_path / "wide.png"))), tiles)


def test_the_size_of_large_files_is_told_and_people_are_fitted_for_them() -> None:
    plain = Export.Config(to={"bodies": "b"})
    assert Export.announce(plain) == [] and Export.needs(plain) == ("fit",)
    large = Export.Config(to={"bodies": "b", "mesh": "m", "csv": "c.csv"}, bodies=BodySettings(vertices=True))
    vertices, mesh = Export.announce(large)
    assert "bodies: about 165 kB a person and frame" in vertices and "mesh: about 1700 kB" in mesh
    assert Export.needs(Export.Config(to={"mot": "m.txt"})) == ()
    body = load_body()
    assert body.mean_V3.nbytes / 1000 == pytest.approx(165, rel=0.02)


def stages_of(configuration: str, *words: str) -> RunConfig:
    arguments = read_arguments(["in", *words])
    raw = read_config(configuration, arguments.changes)
    apply_shortcuts(raw, arguments, STAGES)
    return validate(raw, STAGES)


def names(config: RunConfig) -> list[str]:
    return [node.name for node in config.graph.nodes]


@pytest.mark.parametrize("configuration", ["video", "render", "live", "synthetic"])
def test_fit_stands_before_what_needs_it_and_nowhere_else(configuration: str) -> None:
    """Whether people come from a network, a saved export, a camera or a world."""
    assert "fit" not in names(stages_of(configuration, "--export", "mot=m.txt"))
    assert "fit" not in names(stages_of(configuration, "--export", "csv=c.csv", "--set", "csv.angles=none"))
    assert "fit" in names(stages_of(configuration, "--export", "csv=c.csv"))
    exported = names(stages_of(configuration, "--export", "bodies=b", "--style", "parts"))
    assert exported[exported.index("fit") + 1] == "export"
    drawn = names(stages_of(configuration, "--style", "none+mesh", "--export", "depth=d"))
    assert drawn[drawn.index("fit") + 1] in ("render", "preview") and drawn.count("fit") == 1


def test_a_batch_fits_bodies_after_the_shards_are_joined() -> None:
    parts = split_run(stages_of("batch", "--export", "bodies=b"), STAGES)
    assert parts.shard is not None and parts.tail is not None
    assert "fit" not in names(parts.shard)
    tail = names(parts.tail)
    assert tail.index("smooth") < tail.index("fit") < tail.index("export")
    assert parts.tail.stages["fit"].look_ahead == 2
