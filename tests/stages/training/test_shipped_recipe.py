"""The configurations that repeat the last training of the built-in weights: they parse, and say what was shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.configuration.config import find_config, load_config, read_config
from pipeline.stage import Job
from stages import STAGES
from stages.training.light.average_light import AverageLight
from stages.training.light.mixes import CropMix
from stages.training.light.train_surface import TrainSurface

pytestmark = pytest.mark.quick

V21 = "runs/train_light/light_v21.safetensors"
START = "runs/train_light/start.safetensors"


def test_the_configuration_of_the_last_training_says_what_the_model_card_says() -> None:
    run = load_config("train_light", (), STAGES)
    assert [stage for lane in run.settings.lanes.values() for stage in lane.stages] == [
        "rounds",
        "label_photos",
        "draw_scenes",
        "train_surface",
    ]
    scenes, surface = run.stages["draw_scenes"], run.stages["train_surface"]
    assert (scenes.count, scenes.seed, scenes.world) == (12000, 203, "dressed")
    assert (surface.start, surface.seed, surface.batch, surface.sides) == (START, 311, 128, (160,))
    assert surface.sizes.joints and surface.sizes.others
    fit = surface.fit
    assert (fit.optimizer, fit.learning_rate, fit.lr_schedule.warmup, fit.lr_schedule.kind) == (
        "muon",
        0.0006,
        50,
        "constant",
    )
    assert (fit.steps, fit.lr_schedule.cooldown, fit.weight_decay, fit.weight_average.decay, fit.clip_norm) == (
        3000,
        600,
        0.03,
        0.996,
        5.0,
    )


def test_defaults_of_the_crops_and_losses_are_the_shipped_ones() -> None:
    surface = load_config("train_light", (), STAGES).stages["train_surface"]
    assert surface.mix == CropMix()
    assert surface.losses == TrainSurface.Config().losses
    written = read_config("train_light").values["train_surface"]
    assert set(written["mix"]) == set(CropMix.__dataclass_fields__), "the file names every share"


def test_the_mean_is_of_what_the_trainings_write() -> None:
    surface = load_config("train_light", (), STAGES).stages["train_surface"]
    mean = load_config("train_light_average", (), STAGES).stages["average_light"]
    assert mean.of == load_config("train_light_heads", (), STAGES).stages["train_surface"].start == V21
    assert mean.surface == (START, f"{surface.folder}/surface/state.pt", f"{surface.folder}/b/surface/state.pt")
    assert mean.weights == "runs/train_light/light.safetensors"


def test_the_first_lines_name_every_step_and_the_first_weights() -> None:
    text = find_config("train_light").read_text()
    heads = load_config("train_light_heads", (), STAGES).stages["train_surface"]
    assert heads.heads_only and f"average_light.surface=[{heads.folder}/surface/state.pt]" in text
    assert f"average_light.of={V21}" in text and f"average_light.weights={START}" in text
    assert "train_surface.seed=312" in text and "train_surface.folder=runs/train_light/b" in text
    assert "edec409e3b0c2b1edddb0bb42b44f231b32e9e78ff44b41313be7fc42fd2f008" in text


def test_weights_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config("train_light_average", (), STAGES).stages["average_light"]
    with pytest.raises(Exception, match=r"light_v21\.safetensors"):
        list(AverageLight(config)(Job(index=0, input="", output=None, stem="x")))
