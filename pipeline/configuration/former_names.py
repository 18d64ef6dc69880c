"""Names that configurations used before and their present names: a configuration with a former name is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.configuration.conversion import ConfigError, Origin

FORMER_STAGES: dict[str, str] = {
    "export.threads": "",
    "export_raw.threads": "",
    "recall": "read_shards",
    "relabel_photos": "",
    "score_training.log": "",
    "shelve": "write_shards",
    "show_errors.cache": "",
    "train_network.losses.mask": "",
    "truths": "ground_truth",
}
"""The present name of a stage by its former name; here and below, an empty name means that it was removed."""

FORMER_KEYS: dict[str, str] = {
    "augment.colours": "augment.colour_jitter",
    "augment.evenly": "augment.sampling",
    "augment.flip": "",
    "augment.kept": "augment.cached_images",
    "augment.least": "augment.min_size",
    "augment.longest": "augment.max_side",
    "augment.mirror": "",
    "augment.most": "augment.max_size",
    "before_after.tall": "before_after.min_height",
    "bridge.after": "bridge.min_shown_s",
    "bridge.frames": "bridge.max_gap_s",
    "bridge.max_gap": "bridge.max_gap_s",
    "bridge.min_frames": "bridge.min_shown_s",
    "evaluate.least": "evaluate.min_score",
    "evaluate.tall": "evaluate.min_height",
    "export.to.looks": "export.to.appearance",
    "film_frames": "video_frames",
    "fit.average": "fit.weight_average.decay",
    "fit.average_from": "fit.weight_average.from_step",
    "fit.clip": "fit.clip_norm",
    "fit.cooldown": "fit.lr_schedule.cooldown",
    "fit.decay": "fit.weight_decay",
    "fit.keep": "fit.checkpoints.keep",
    "fit.lr_schedule.milestones": "",
    "fit.milestones": "",
    "fit.rate": "fit.learning_rate",
    "fit.save_every_s": "fit.checkpoints.every_s",
    "fit.schedule": "fit.lr_schedule.kind",
    "fit.warmup": "fit.lr_schedule.warmup",
    "ground_truth.film_frames": "ground_truth.video_frames",
    "label_photos.near": "",
    "largest_picture": "largest_image",
    "live_decode.source.camera.pixels": "live_decode.source.camera.fourcc",
    "live_decode.source.patient": "live_decode.source.wait_at_start",
    "network.backbone": "network.variant.backbone",
    "network.closer": "network.refine_boxes",
    "network.confidence": "network.variant.confidence",
    "network.head": "network.variant.head",
    "network.legacy": "network.variant.legacy",
    "network.mirror": "network.flip",
    "network.nms_threshold": "",
    "network.reading": "network.tta",
    "network.score_threshold": "network.min_score",
    "network.segm_confidence": "network.variant.segm_confidence",
    "network.turn": "network.roll_align",
    "pair_frames.apart": "",
    "pair_frames.seed": "",
    "quantize_light.images": "",
    "quantize_light.pictures": "",
    "quantize_light.seed": "",
    "score_training.least": "",
    "score_training.score": "",
    "smooth.ahead": "smooth.look_ahead",
    "tall": "min_height",
    "track.confirm_frames": "",
    "track.max_gap": "track.max_gap_s",
    "track.sure_score": "track.confident_score",
    "train_detector.mix.behind": "train_detector.mix.composited",
    "train_detector.mix.empty": "",
    "train_detector.mix.obstructed": "",
    "train_lift.seed": "",
    "train_network.losses.sampling.anchor_share": "",
    "train_network.losses.sampling.region_share": "",
    "train_surface.as_points": "train_surface.losses.as_points",
    "train_surface.extremities": "train_surface.losses.extremities",
    "train_surface.metric_uv": "train_surface.losses.metric_uv",
    "train_surface.mix.adapted": "",
    "train_surface.mix.arms": "",
    "train_surface.mix.behind": "train_surface.mix.composited",
    "train_surface.mix.cut": "train_surface.mix.truncated",
    "train_surface.mix.filmed": "train_surface.mix.video_degraded",
    "train_surface.mix.hidden": "train_surface.mix.occluded_by_person",
    "train_surface.mix.legs": "",
    "train_surface.mix.nobody": "train_surface.mix.background",
    "train_surface.mix.obstructed": "train_surface.mix.occluded_by_object",
    "train_surface.mix.spoilt": "train_surface.mix.degraded",
    "train_surface.mix.tumbled": "train_surface.mix.rotated_any",
    "train_surface.mix.turned": "train_surface.mix.rotated",
    "train_surface.mix.upright": "train_surface.mix.roll_aligned",
    "train_surface.soft_labels": "",
    "train_surface.uv_weight": "",
    "write_scores.tall": "write_scores.min_height",
}
"""The present key by the former one, both in full: `SECTION.KEY`, deeper ones with more dots; without a dot, a key of
the run as a whole or a section. SECTION is the present name of the stage or section."""

FORMER_VALUES: dict[tuple[str, str], str] = {
    ("--export", "looks"): "appearance",
    ("augment.sampling", "pictures"): "images",
    ("compare.angles", "picture"): "image_plane",
    ("network.tta", "careful"): "adaptive",
    ("network.tta", "quick"): "adaptive_fast",
    ("network.tta", "thorough"): "full",
}
"""The present value by the present key in full (`SECTION.KEY`, or an option such as `--export`) and the former value;
for a key with a list of values, by each of them."""

FORMER_CONFIGURATIONS: dict[str, str] = {
    "train_light_again": "",
}
"""The present name of a configuration, as after `-c`, by its former name."""


def refuse_former_names(values: Mapping[str, Any], origin: Origin) -> None:
    """Raises ConfigError if a configuration uses a former name of a stage, key or value, and names the present one.

    Args:
        values: the whole configuration, as read.
        origin: where a key path was written.
    """
    for path, value in _keys(values, ()):
        if path[0] == "lanes" and path[2:] == ("stages",):
            for stage in value if isinstance(value, list) else ():
                _refuse("stage", stage, FORMER_STAGES, origin(path))
        if len(path) == 1:
            _refuse("stage", path[0], FORMER_STAGES, origin(path))
        # A section that several stages share may also be inside the section of one: `densepose.network.KEY`.
        for key in {".".join(path), ".".join(path[1:] if len(path) > 2 else path)}:
            present = FORMER_KEYS.get(key, "")
            if present and isinstance(value, str) and (present, value) in FORMER_VALUES:
                what = f"'{key}' is now called '{present}', and its value '{value}'"
                raise ConfigError(f"{what} '{FORMER_VALUES[present, value]}'", origin(path))
            _refuse("key", key, FORMER_KEYS, origin(path))
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, str) and (key, one) in FORMER_VALUES:
                    raise ConfigError(f"'{one}' is now called '{FORMER_VALUES[key, one]}'", origin(path))


def _refuse(what: str, name: Any, table: Mapping[str, str], where: str) -> None:
    if isinstance(name, str) and name in table:
        raise ConfigError(former_name(what, name, table), where)


def former_name(what: str, name: str, table: Mapping[str, str]) -> str:
    """The message about a stage, key or configuration with a former name."""
    if not table[name] and what == "configuration":
        return f"the configuration '{name}' was removed; -c without a name lists those that exist"
    if not table[name]:
        return f"the {what} '{name}' was removed, leave it out"
    return f"the {what} '{name}' is now called '{table[name]}'"


def _keys(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key path and its value, outer ones first."""
    for key, value in values.items():
        path = (*above, str(key))
        yield path, value
        if isinstance(value, Mapping):
            yield from _keys(value, path)
