"""Processes that make things ahead: the same things in the same order, errors as they were, nothing left behind."""

from __future__ import annotations

import dataclasses
import itertools
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from models.body.open_body import COCO_KEYPOINTS
from models.errors import ModelError
from models.light.architecture.detector import PersonDetector
from models.light.architecture.preprocessing import CROP
from models.light.architecture.sizes import DEFAULT_SIZES, DetectorSizes, LightSizes, SurfaceSizes
from models.light.architecture.surface_net import GRID, SurfaceNet
from models.light.architecture.weight_files import read_sizes, read_weights, write_weights
from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import open_light
from models.losses.light_distillation import detector_distillation
from models.network import NetworkConfig
from pipeline.configuration.config import load_config
from pipeline.stage import Stage, StageError
from stages import STAGES
from stages.annotations.image_collections import held_out
from stages.training.data.draw_scenes import DrawScenes
from stages.training.data.label_photos import LabelPhotos
from stages.training.data.labelled_photos import LABELS, SIDE, LabelledPhoto, PersonLabels, mask_of_labels, write_shard
from stages.training.fit import Batch, FitConfig, Loss
from stages.training.learning_rate_schedule import LearningRateSchedule
from stages.training.light.average_light import AverageLight
from stages.training.light.canvases import CANVAS
from stages.training.light.detector_batches import detector_loss, places_on
from stages.training.light.export_light import ExportLight
from stages.training.light.surface_batches import surface_loss
from stages.training.light.train_detector import TrainDetector
from stages.training.light.train_surface import TrainSurface
from stages.training.loaders import BatchLoader, made_in_order, to_device
from stages.training.payloads import PhotoShards, Round, SceneShards, SurfaceTrained
from tests.stages.evaluation.scored_people import JOB

KEY = "train_detector.loaders"
PLACES = (CANVAS // 8) ** 2 * 21 // 16
"""Of a canvas: cells at strides 8, 16 and 32."""


@dataclass(frozen=True)
class Squares:
    """Each number's square, by which process, and whether Ctrl-C reaches it."""

    def __call__(self) -> Callable[[int], tuple[int, int, bool]]:
        return lambda number: (number**2, os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))


@dataclass(frozen=True)
class Broken:
    """Makes numbers until the third, which fails in one way or another."""

    way: str

    def __call__(self) -> Callable[[int], int]:
        return self.make

    def make(self, number: int) -> int:
        if number == 3 and self.way == "plain":
            raise StageError("the shard is damaged", "0003.npz", "remove it")
        if number == 3 and self.way == "bug":
            raise ZeroDivisionError("of the programme itself")
        if number == 3 and self.way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def test_things_come_in_order_from_processes_that_ctrl_c_does_not_reach() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    things = made_in_order(Squares(), itertools.count(), processes=2, key=KEY)
    made = list(itertools.islice(things, 9))
    assert [square for square, _, _ in made] == [number**2 for number in range(9)]
    assert len({process for _, process, _ in made}) == 2 and os.getpid() not in {process for _, process, _ in made}
    assert all(deaf for _, _, deaf in made)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert len(multiprocessing.active_children()) == 2
    things.close()
    assert multiprocessing.active_children() == []


def test_without_processes_each_is_made_here_when_asked_for() -> None:
    things = made_in_order(Squares(), itertools.count(), processes=0, key=KEY)
    assert list(itertools.islice(things, 3)) == [(number**2, os.getpid(), False) for number in range(3)]


@pytest.mark.parametrize("processes", [0, 2])
def test_an_error_for_users_arrives_as_it_was(processes: int) -> None:
    things = made_in_order(Broken("plain"), range(9), processes=processes, key=KEY)
    assert list(itertools.islice(things, 3)) == [0, 1, 2]
    with pytest.raises(StageError) as caught:
        next(things)
    assert caught.value.args == ("the shard is damaged", "0003.npz", "remove it")
    del caught, things
    assert multiprocessing.active_children() == []


def test_a_bug_stays_a_bug() -> None:
    things = made_in_order(Broken("bug"), range(9), processes=1, key=KEY)
    with pytest.raises(ZeroDivisionError, match="of the programme itself"):
        list(things)


def test_a_process_that_dies_is_told_with_the_key() -> None:
    things = made_in_order(Broken("killed"), range(9), processes=1, key=KEY)
    with pytest.raises(StageError, match=r"train_detector\.loaders: a process died .*fewer processes"):
        list(things)


def made_photo(name: str, random: np.random.Generator) -> LabelledPhoto:
    """A photo with one person: patches of parts in its middle."""
    label = np.zeros((LABELS, LABELS), np.uint8)
    label[10:70, 20:60] = random.integers(1, 25, (6, 4)).repeat(10, 0).repeat(10, 1)
    region = np.array([100, 80, 300, 280], np.float32)
    dense = np.zeros((52, 52), np.uint8)
    dense[12:34, 18:32] = 2
    return LabelledPhoto(
        name=name,
        aspect=1.5,
        rgb_SS3=random.integers(0, 256, (26, 26, 3), np.uint8).repeat(SIDE // 26, 0).repeat(SIDE // 26, 1),
        box_M4=np.array([[150, 100, 250, 260]], np.float32),
        kind_M=np.zeros(1, np.uint8),
        dense_DD=dense,
        people=(
            PersonLabels(
                box_4=region,
                region_4=region,
                label_LL=label,
                weight_LL=np.full_like(label, 255),
                mask_LL=mask_of_labels(label),
            ),
        ),
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoShards:
    path = tmp_path_factory.mktemp("photos") / "0000.npz"
    random = np.random.default_rng(0)
    names = [name for name in (f"{index}.jpg" for index in range(12)) if not held_out(name)]
    write_shard(path, [made_photo(name, random) for name in names])
    return PhotoShards(paths=(str(path),))


def drawn(folder: Path, photos: PhotoShards, workers: int) -> SceneShards:
    stage = DrawScenes(DrawScenes.Config(folder=str(folder), count=5, workers=workers))
    (shards,) = stage(photos)
    return shards


@pytest.fixture(scope="module")
def scenes(photos: PhotoShards, tmp_path_factory: pytest.TempPathFactory) -> SceneShards:
    return drawn(tmp_path_factory.mktemp("scenes"), photos, 0)


def test_scenes_are_the_same_bytes_from_processes(photos: PhotoShards, scenes: SceneShards, tmp_path: Path) -> None:
    others = drawn(tmp_path, photos, 2)
    assert [Path(path).read_bytes() for path in others.paths] == [Path(path).read_bytes() for path in scenes.paths]
    assert multiprocessing.active_children() == []


def test_photos_are_labelled_to_the_same_bytes_from_processes(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    oracles = shared / "assets" / "oracles"
    made = []
    for workers in (0, 2):
        config = LabelPhotos.Config(
            folder=str(tmp_path / str(workers)),
            coco=str(shared / "assets" / "images" / "coco_mini"),
            part_teacher=str(oracles / "bodypix_mobilenet050_stride8.onnx"),
            box_teacher=str(oracles / "yolox_nano.onnx"),
            workers=workers,
        )
        (shards,) = LabelPhotos(config)(Round(index=0, count=1))
        made.append([Path(path).read_bytes() for path in shards.paths])
        again = LabelPhotos.Config(**{**{name: getattr(config, name) for name in config.__slots__}, "workers": 1})
        stamps = [Path(path).stat().st_mtime_ns for path in shards.paths]
        assert list(LabelPhotos(again)(Round(index=0, count=1))) == [shards]
        assert [Path(path).stat().st_mtime_ns for path in shards.paths] == stamps
    assert made[0] == made[1] and len(made[0]) == 1


FIT = FitConfig(steps=3, lr_schedule=LearningRateSchedule(warmup=1), accumulate=2)


def halves(folder: Path, loaders: int) -> tuple[TrainDetector, TrainSurface]:
    detector = TrainDetector.Config(folder=str(folder), batch=2, fit=FIT, loaders=loaders, device="cpu")
    surface = TrainSurface.Config(folder=str(folder), batch=2, fit=FIT, loaders=loaders, device="cpu")
    return TrainDetector(detector), TrainSurface(surface)


def trained(folder: Path, photos: PhotoShards, scenes: SceneShards, loaders: int, *, stopped: bool = False) -> bytes:
    """Two rounds of both halves, by new stages after the first where it was `stopped`, and the file they end in."""
    stages = halves(folder, loaders)
    for index in range(2):
        part = Round(index=index, count=2)
        (one,), (other,) = (stage(part, photos, scenes) for stage in stages)
        list(ExportLight(ExportLight.Config(weights=str(folder / "light.safetensors")))(part, one, other))
        if stopped or part.last:
            for stage in stages:
                stage.close()
            stages = halves(folder, loaders)
    return (folder / "light.safetensors").read_bytes()


def test_weights_are_the_same_bits_whatever_the_number_of_loaders(
    photos: PhotoShards, scenes: SceneShards, tmp_path: Path
) -> None:
    one = trained(tmp_path / "none", photos, scenes, 0)
    assert one == trained(tmp_path / "stopped", photos, scenes, 0, stopped=True)
    assert one == trained(tmp_path / "two", photos, scenes, 2)
    assert multiprocessing.active_children() == []
    assert all(torch.isfinite(value).all() for value in read_weights(tmp_path / "two" / "light.safetensors").values())


def test_a_shard_that_is_missing_is_named_by_the_training(photos: PhotoShards, tmp_path: Path) -> None:
    absent = SceneShards(paths=(str(tmp_path / "absent.npz"),))
    stage: Stage = TrainSurface(TrainSurface.Config(folder=str(tmp_path), loaders=1, device="cpu"))
    with pytest.raises(StageError, match=r"absent\.npz: the shard cannot be read"):
        list(stage(Round(index=0, count=1), photos, absent))
    stage.close()
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_with_the_key(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"train_surface\.device: there is no GPU"):
        TrainSurface(TrainSurface.Config(folder=str(tmp_path), device="cuda"))


def test_numbers_below_zero_are_refused() -> None:
    for config, name in (
        (TrainDetector.Config, "loaders"),
        (TrainSurface.Config, "loaders"),
        (LabelPhotos.Config, "workers"),
        (DrawScenes.Config, "workers"),
    ):
        with pytest.raises(ValueError, match=f"{name} is -1, must be from 0 to"):
            config(**{name: -1})


@dataclass(frozen=True)
class Pictures:
    """Batches of one picture."""

    def __call__(self) -> Callable[[int], Batch]:
        return lambda number: (torch.full((1, 3, 4, 4), number, dtype=torch.uint8), torch.ones(1))


def test_every_part_of_a_batch_goes_to_the_device() -> None:
    meta = torch.device("meta")
    batch = BatchLoader(Pictures(), range(2), loaders=0, device=meta, key=KEY)(0)
    assert [part.device for part in batch] == [meta, meta]
    x = torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert to_device((x,), torch.device("cpu"))[0] is x and to_device((x,), meta)[0].stride() == x.stride()


def test_networks_and_losses_stay_on_the_gpu() -> None:
    """On a GPU that torch only pretends to have: a tensor left on the CPU would be an error."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cuda:0"):
        rgb = torch.zeros(2, 3, CANVAS, CANVAS, dtype=torch.uint8)
        cells = torch.zeros(2, CANVAS // 8, CANVAS // 8).long()
        boxes = torch.zeros(2, 24, 4), torch.zeros(2, 24, dtype=torch.int32)
        on_gpu(PersonDetector(), detector_loss, (rgb, *boxes, cells, torch.zeros(2, PLACES, 5)))
        crop, label = torch.zeros(2, 6, CROP, CROP, dtype=torch.uint8), torch.zeros(2, GRID, GRID).long()
        shapes = (GRID, GRID), (2, GRID, GRID), (len(COCO_KEYPOINTS), 3)
        weight, uv, joint = (torch.ones(2, *shape) for shape in shapes)
        person, places = torch.ones(2, dtype=torch.bool), (torch.arange(9), torch.arange(5))
        twins = torch.arange(2), torch.rand(2, GRID, GRID, 2), torch.arange(7), torch.zeros(2, dtype=torch.bool)
        encoded = SurfaceSizes(
            encoder="lite0", widths=(32, 8, 16, 24), blocks=(0, 0, 1), joints=True, others=True, own=True, thing=True
        )
        for sizes in (SurfaceSizes(joints=True, others=True), encoded):
            on_gpu(SurfaceNet(sizes), surface_loss, (crop, label, label, weight, uv, joint, person, *twins, *places))
    places_on.cache_clear()


def on_gpu(net: nn.Module, loss_of: Loss, batch: Batch) -> None:
    assert {term.device.type for term in loss_of(net, batch).values()} == {"cuda"}


def test_what_is_left_on_the_cpu_is_noticed() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(RuntimeError, match="device"):
        rows = torch.zeros(2, PLACES, 5, device="cuda:0")
        detector_distillation(rows, places_on(torch.device("cpu")), rows)
    places_on.cache_clear()


WIDER = SurfaceSizes(widths=(8, 16, 24, 32), blocks=(1, 0, 1), wide=12)


def mean_of_it_and_nothing(path: Path, other: SurfaceTrained) -> None:
    """The mean of a detector and one of zeros is half of it; that of a surface and its own checkpoint is itself."""
    whole, zeros, out = read_weights(path), path.with_name("zeros.safetensors"), path.with_name("mean.safetensors")
    found = {name: value for name, value in whole.items() if name.startswith("detector.")}
    nothing = {name.removeprefix("detector."): 0 * value for name, value in found.items()}
    write_weights(zeros, nothing, {}, read_sizes(path))
    files = {"detector": (str(path), str(zeros)), "surface": (str(path), other.checkpoint)}
    config = AverageLight.Config(of=str(path), weights=str(out), **files)
    (written,) = AverageLight(config)(JOB)
    assert written.path == str(out)
    assert read_sizes(out) == read_sizes(path)
    for name, value in read_weights(out).items():
        halved = name in found and value.is_floating_point()
        torch.testing.assert_close(value, (whole[name] / 2).to(value.dtype) if halved else whole[name])
    (joined,) = AverageLight(AverageLight.Config(surface=(other.checkpoint,), weights=str(out)))(JOB)
    assert read_sizes(Path(joined.path)) == LightSizes(detector=read_sizes(BUILT_IN).detector, surface=WIDER)
    with pytest.raises(ModelError, match="do not fit the light network"):
        list(AverageLight(AverageLight.Config(surface=(str(path), str(BUILT_IN))))(JOB))
    with pytest.raises(ModelError, match="no surface of a light network"):
        list(AverageLight(AverageLight.Config(surface=(str(zeros),)))(JOB))
    damaged = path.with_name("damaged.pt")
    damaged.write_bytes(b"PK")
    for files, what in (((), "no files to average"), ((str(damaged),), r"damaged\.pt: the checkpoint cannot be read")):
        with pytest.raises(StageError, match=what):
            list(AverageLight(AverageLight.Config(surface=files))(JOB))


def test_networks_of_other_sizes_train_and_serve(photos: PhotoShards, scenes: SceneShards, tmp_path: Path) -> None:
    """The file says what it is of; `--weights` takes it up; a checkpoint of other sizes is refused."""
    sizes = DetectorSizes(widths=(8, 16, 24, 32, 40), blocks=(1, 1, 0, 1))
    fit = FitConfig(steps=1)
    part = Round(index=0, count=1)
    config = TrainDetector.Config(folder=str(tmp_path), batch=1, fit=fit, device="cpu", sizes=sizes)
    (one,) = TrainDetector(config)(part, photos, scenes)
    (other,) = TrainSurface(TrainSurface.Config(folder=str(tmp_path), batch=1, fit=fit, device="cpu", sizes=WIDER))(
        part, photos, scenes
    )
    path = tmp_path / "wider.safetensors"
    list(ExportLight(ExportLight.Config(weights=str(path)))(part, one, other))
    assert read_sizes(path) == LightSizes(detector=sizes, surface=WIDER)
    mean_of_it_and_nothing(path, other)
    network = NetworkConfig(weights=str(path), engine="torch", precision="fp32")
    assert len(open_light(network, 1).detect(np.zeros((1, 64, 64, 3), np.uint8))[0]) == 1
    on = TrainSurface(TrainSurface.Config(folder=str(tmp_path / "on"), network=network, device="cpu"))
    assert on.sizes == WIDER
    assert torch.equal(on.training.fit.net.state_dict()["read.weight"], read_weights(path)["surface.read.weight"])
    with pytest.raises(StageError, match=r"state\.pt: the checkpoint belongs to a network of other sizes"):
        TrainSurface(TrainSurface.Config(folder=str(tmp_path), device="cpu"))
    with pytest.raises(ModelError, match="do not fit the light network"):
        narrow = dataclasses.replace(WIDER, wide=WIDER.wide - 2)
        TrainSurface(TrainSurface.Config(folder=str(tmp_path / "new"), start=str(path), sizes=narrow, device="cpu"))


def test_a_surface_network_learns_from_another_ones_answers(
    photos: PhotoShards, scenes: SceneShards, tmp_path: Path
) -> None:
    """Its log has the teacher's terms; a teacher that is not there is named."""
    config = TrainSurface.Config(
        folder=str(tmp_path),
        batch=1,
        fit=FitConfig(steps=2),
        device="cpu",
        sizes=WIDER,
        teacher=str(BUILT_IN),
    )
    list(TrainSurface(config)(Round(index=0, count=1), photos, scenes))
    row = json.loads((tmp_path / "surface" / "log.jsonl").read_text().splitlines()[-1])
    assert row.keys() >= {"person", "part", "uv", "taught_person", "taught_part", "taught_uv"}
    with pytest.raises(ModelError, match=r"nobody\.safetensors"):
        TrainSurface(dataclasses.replace(config, teacher=str(tmp_path / "nobody.safetensors")))


def test_the_built_in_file_says_its_sizes_and_what_others_say_must_be_readable(tmp_path: Path) -> None:
    stages = load_config("train_light_scratch", (), STAGES).stages
    assert read_sizes(BUILT_IN).detector == stages["train_detector"].sizes
    assert read_sizes(BUILT_IN).surface == stages["train_surface"].sizes
    save_file({"detector.x": torch.zeros(1)}, tmp_path / "silent", metadata={"kind": "light"})
    assert read_sizes(tmp_path / "silent") == DEFAULT_SIZES
    for number, text in enumerate(("{}", "no", '{"detector": 1, "surface": 2}')):
        save_file({"detector.x": torch.zeros(1)}, tmp_path / f"{number}", metadata={"sizes": text})
        with pytest.raises(ModelError, match="its sizes cannot be read"):
            read_sizes(tmp_path / f"{number}")
    with pytest.raises(ValueError, match="widths must be 2 or more"):
        SurfaceSizes(wide=1)


def test_the_larger_sibling_fits_into_sixty_megabytes() -> None:
    stages = load_config("train_light_large", (), STAGES).stages
    with torch.device("meta"):
        halves = PersonDetector(stages["train_detector"].sizes), SurfaceNet(stages["train_surface"].sizes)
    assert 40e6 < sum(2 * value.numel() for net in halves for value in net.state_dict().values()) < 60e6
