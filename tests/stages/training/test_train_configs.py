"""Every training of the paper runs from one command, writes weights that say what they are, and those serve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from models.architecture.rcnn import DensePoseRCNN
from models.checkpoints.trained_weights import load_trained
from models.inference.open_network import open_network
from models.light.architecture.weight_paths import BUILT_IN
from models.network import NetworkConfig
from models.surface.charted_mesh import open_body_mesh
from models.variant import Variant
from pipeline.command.cli import main
from pipeline.configuration.config import CONFIGS, load_config
from pipeline.configuration.conversion import ConfigError
from stages import STAGES
from stages.annotations.image_collections import held_out
from stages.training.fit import CHECKPOINT
from stages.training.rcnn.train_network import needs_basis

SMALL = {
    "rounds.count": 2,
    "augment.batch": 2,
    "augment.min_size": 64,
    "augment.max_size": 64,
    "augment.max_side": 96,
    "augment.dense.count": 20,
    "train_network.fit.steps": 2,
    "train_network.fit.lr_schedule.warmup": 1,
    "train_network.quiet": "true",
    "train_network.losses.sampling": "{anchors: 32, regions: 16, proposals: 20, dense: 4}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


def train(name: str, folder: Path, sets: tuple[str, ...] = ("sparse",), **more: object) -> Path:
    """Run a training's configuration, made small; gives the weights' file."""
    short = name.removeprefix("train_")
    weights = folder / short / f"{short}.safetensors"
    settings: dict[str, object] = {**SMALL, "train_network.folder": folder / short, "export_network.weights": weights}
    for one in sets:
        settings |= {
            f"annotated_sets.sets.{one}.folder": folder / one,
            f"annotated_sets.sets.{one}.draw.count": 3,
            f"annotated_sets.sets.{one}.draw.height": 120,
            f"annotated_sets.sets.{one}.draw.width": 160,
        }
    settings |= {key.replace("__", "."): value for key, value in more.items()}
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    assert main(["-c", name, *changes]) == 0
    return weights


def serves(weights: Path) -> None:
    """The weights open, find what they find, and map a given box."""
    network = open_network(NetworkConfig(kind="trained", weights=str(weights), engine="torch", precision="fp32"), 1)
    frame = np.random.default_rng(0).integers(0, 255, (1, 90, 120, 3), dtype=np.uint8)
    found, features = network.detect(frame)
    assert found[0].box_N4.shape == (len(found[0]), 4)
    surface = network.surfaces(features, [np.array([[10.5, 8, 70, 80]], np.float32)])[0][0]
    assert surface.labels_hw.shape == (72, 59)
    assert surface.labels_hw.max() <= 24 and np.isfinite(surface.uv_2hw).all()


KINDS: Mapping[str, str] = {
    "train_rcnn": "rcnn",
    "train_multitask": "rcnn",
    "train_cascade": "rcnn",
    "train_uvrcnn": "rcnn",
    "train_fcn": "fcn",
    "train_direct": "direct",
    "train_person": "crops",
    "train_star": "crops",
    "train_up": "crops",
}


@pytest.mark.parametrize("name", list(KINDS))
def test_a_configuration_trains_and_serves(name: str, folder: Path) -> None:
    weights = train(name, folder)
    network, about, _ = load_trained(weights)
    assert about.kind == KINDS[name]
    assert about.variant.backbone == "tiny"
    assert about.figure_ground == (name == "train_star")
    assert all(np.isfinite(value.numpy()).all() for value in network.state_dict().values())
    serves(weights)


def test_the_built_in_network_learns_to_see_whole_images(folder: Path) -> None:
    """From its own weights, and from photos whose surfaces stand beside their annotations."""
    train("train_direct", folder)
    annotations, images = own_set(folder)
    (folder / "own.densified").mkdir()
    document = json.loads(annotations.read_text())
    for image in document["images"]:
        surface = {"label_HW": np.full((120, 160), 2, np.uint8), "uv_2HW": np.full((2, 120, 160), 99, np.uint8)}
        np.savez(folder / "own.densified" / f"{Path(image['file_name']).stem}.npz", **surface)
    one = {"annotated_sets__sets__photos__annotations": annotations, "annotated_sets__sets__photos__images": images}
    weights = train("train_crowd", folder, ("moved", "dressed"), **one, train_network__fit__lr_schedule__cooldown=0)
    network, about, _ = load_trained(weights)
    assert (about.kind, about.variant) == ("direct", Variant(backbone="light"))
    built_in, trained = load_file(BUILT_IN)["surface.stem.0.weight"].numpy(), network.backbone.bottom_up.state_dict()
    gap = np.abs(trained["stem.0.weight"].numpy() - built_in).max()
    assert 0 < gap < 0.1, "two small steps from the built-in weights"
    serves(weights)


def test_embeddings_of_the_open_body_train_and_serve_with_charts(folder: Path) -> None:
    weights = train("train_cse", folder, train_network__losses__embedding__scale=0.2)
    network, about, _ = load_trained(weights)
    assert about.variant.mesh == "open_body"
    assert isinstance(network, DensePoseRCNN) and network.roi_heads.embedder is not None
    embedder = network.roi_heads.embedder.of_mesh
    assert embedder.features.shape == (len(open_body_mesh().vertex_V3), 256)
    mesh = open_body_mesh()
    edge_E2 = mesh.face_F3[:, :2]
    value_VE = embedder().detach().numpy()
    near = np.linalg.norm(value_VE[edge_E2[:, 0]] - value_VE[edge_E2[:, 1]], axis=1).mean()
    far = np.linalg.norm(value_VE - value_VE[::-1], axis=1).mean()
    assert near < 0.2 * far, "neighbouring vertices have similar embeddings from the start"
    log = [json.loads(line) for line in (weights.parent / "log.jsonl").read_text().splitlines()]
    assert log[-1]["vertex"] > 0 and not {"chart", "u", "v", "uv"} & set(log[-1])
    serves(weights)


def test_the_basis_of_embeddings_is_computed_once(tmp_path: Path) -> None:
    """A checkpoint, and weights that a training begins with, have the functions already, which take long to compute."""
    assert needs_basis(tmp_path, []) and needs_basis(tmp_path, ["backbone.bottom_up.stem.conv1.weight"])
    assert not needs_basis(tmp_path, ["roi_heads.embedder.embedder_open_body.features"])
    (tmp_path / CHECKPOINT).touch()
    assert not needs_basis(tmp_path, [])


def test_the_student_learns_from_what_its_teacher_wrote(folder: Path) -> None:
    teacher = train("train_teacher", folder)
    weights = train("train_student", folder, densify__teacher=teacher)
    written = sorted((folder / "sparse").glob("densified-????????/*.npz"))
    assert written
    label_HW = np.load(written[0])["label_HW"]
    truth = np.load(folder / "sparse" / "truth" / written[0].name)
    assert label_HW.shape == truth["label_HW"].shape
    # The teacher fills people in, and nothing but people.
    assert not label_HW[truth["instance_HW"] == 0].any()
    serves(weights)


def test_renderings_of_another_world_supervise_alone(folder: Path) -> None:
    weights = train("train_sr", folder, sets=("renderings",))
    assert not (folder / "sr" / "sparse").exists()
    serves(weights)


def test_the_confidence_variants_train(folder: Path) -> None:
    for variant in ("wc1", "wc2"):
        weights = train(
            "train_uvrcnn",
            folder / variant,
            train_network__variant__confidence=variant,
            train_network__losses__uv="confident",
            annotated_sets__sets__sparse__folder=folder / "sparse",
        )
        assert "kappa_u_lowres.bias" in str(load_trained(weights)[0].state_dict().keys()) or variant == "wc1"


def test_an_interrupted_training_ends_with_the_same_weights(folder: Path) -> None:
    """Two rounds of one step each in one run, against two runs that end after one round each."""
    straight = train("train_rcnn", folder / "straight", annotated_sets__sets__sparse__folder=folder / "sparse")
    half = folder / "half"
    settings = {"annotated_sets__sets__sparse__folder": folder / "sparse"}
    train("train_rcnn", half, **settings, train_network__fit__steps=1)
    rows = {"train_network__fit__steps": 2}
    resumed = train("train_rcnn", half, **settings, **rows)
    # The first run's schedule ends earlier, so only a constant rate can be the same: warm-up covers both steps.
    for name, value in load_trained(straight)[0].state_dict().items():
        assert np.array_equal(value.numpy(), load_trained(resumed)[0].state_dict()[name].numpy()), name


def own_set(folder: Path) -> tuple[Path, Path]:
    """A COCO folder of a user, as far as this project is concerned: the synthetic set under other names."""
    names = [f"photo{number}.png" for number in range(200)]
    kept, shown = next(one for one in names if held_out(one)), [one for one in names if not held_out(one)]
    document = json.loads((folder / "sparse" / "annotations.json").read_text())
    images = folder / "own"
    images.mkdir(exist_ok=True)
    for image, name in zip(document["images"], [kept, *shown], strict=False):
        (images / name).write_bytes((folder / "sparse" / "images" / image["file_name"]).read_bytes())
        image["file_name"] = name
    (folder / "own.json").write_text(json.dumps(document))
    return folder / "own.json", images


def test_a_finetuning_tells_what_it_has_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = train("train_rcnn", folder)
    annotations, images = own_set(folder)
    weights = folder / "finetune" / "finetuned.safetensors"
    settings: dict[str, object] = {
        **SMALL,
        "network.weights": start,
        "annotated_sets.sets.mine.annotations": annotations,
        "annotated_sets.sets.mine.images": images,
        "train_network.folder": folder / "finetune",
        "train_network.fit.learning_rate": 0.02,
        "export_network.weights": weights,
        "before_after.weights": weights,
        "before_after.report": folder / "finetune" / "report.json",
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    assert main(["-c", "train_finetune_trained", *words]) == 0
    report = json.loads((folder / "finetune" / "report.json").read_text())
    assert set(report) == {"before", "after"}
    assert {"AUC10", "AUC30"} <= set(report["before"]["given"])
    assert "before" in capsys.readouterr().out
    # It went on from the weights that were given: it differs from them by two small steps, from others altogether.
    old, new = (load_trained(path)[0].state_dict() for path in (start, weights))
    gap = max(float((old[name] - value).abs().max()) for name, value in new.items())
    assert 0 < gap < 0.1
    assert main(["-c", "train_finetune_trained", *words, "--set", "network.kind=light"]) == 2
    assert "cannot be fine-tuned here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["augment.kind=crops", "augment.max_side=96", "train_network.variant.mask=true"], "tasks of regions"),
        (["augment.min_size=300"], "sizes must increase"),
        (["train_network.variant.confidence=wc1"], "needs losses.uv: confident"),
        (["augment.kind=direct", "train_network.variant={backbone: light, stride: 8}"], "an output layer of its own"),
        (["train_network.variant.mesh=smpl_27554"], "trainings embed open_body alone"),
        (["train_network.variant.mesh=open_body", "train_network.variant.cascade=true"], "neither the cascade nor"),
        (["annotated_sets.sets.sparse.annotations=x.json"], "either a folder"),
        (["annotated_sets.sets.sparse.points=false"], "nothing supervises"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_sentence(
    changes: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SMALL, "annotated_sets.sets.sparse.folder": folder / "sparse", "train_network.folder": folder / "bad"}
    settings |= {
        "annotated_sets.sets.sparse.draw.count": 3,
        "annotated_sets.sets.sparse.draw.height": 120,
        "annotated_sets.sets.sparse.draw.width": 160,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words += [word for change in changes for word in ("--set", change)]
    assert main(["-c", "train_rcnn", *words]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_a_training_writes_what_tensorboard_shows(folder: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train("train_fcn", folder, train_network__tensorboard="true", train_network__fit__steps=50, rounds__count=1)
    events = EventAccumulator(str(folder / "fcn" / "tensorboard"))
    events.Reload()
    assert {"loss/chart", "loss/coarse", "speed/images_s"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["answers"]
    row = json.loads((folder / "fcn" / "log.jsonl").read_text().splitlines()[-1])
    assert events.Scalars("loss/chart")[-1].value == pytest.approx(row["chart"], abs=1e-4)


def test_every_training_configuration_is_valid() -> None:
    names = sorted(path.stem for path in CONFIGS.rglob("train_*.yaml"))
    assert set(KINDS) | {"train_teacher", "train_student", "train_sr", "train_finetune", "train_reference"} <= set(
        names
    )
    unfilled = {"train_finetune", "train_finetune_trained"}
    for name in set(names) - unfilled:
        load_config(name, [], STAGES)
    for name in unfilled:
        with pytest.raises(ConfigError, match="give either a folder"):
            load_config(name, [], STAGES)
