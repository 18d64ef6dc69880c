"""Payloads in the file of a shard come back as they were, also from files of networks without heads."""

from __future__ import annotations

import json
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from stages.payloads import People, PersonSurface, Surfaces
from stages.results.shard_file import ShardReader, ShardWriter
from tests.stages.results.formats.made_frames import PEOPLE, SURFACES, with_heads

pytestmark = pytest.mark.quick


def written(path: Path) -> Surfaces:
    surfaces = Surfaces(people=(with_heads(SURFACES.people[0], 2), *SURFACES.people[1:]))
    writer = ShardWriter(path)
    writer.add(24, (PEOPLE, surfaces))
    writer.close()
    return surfaces


def assert_same(one: PersonSurface, other: PersonSurface) -> None:
    for spec in fields(PersonSurface):
        value, wanted = getattr(one, spec.name), getattr(other, spec.name)
        if wanted is None:
            assert value is None, spec.name
        else:
            assert np.array_equal(value, wanted) and np.asarray(value).dtype == np.asarray(wanted).dtype, spec.name


def test_keypoints_and_masks_come_back_as_they_were(tmp_path: Path) -> None:
    surfaces = written(tmp_path / "shard.zip")
    people, found = ShardReader(tmp_path / "shard.zip").packet(24)
    assert isinstance(people, People) and np.array_equal(people.box_N4, PEOPLE.box_N4)
    for one, other in zip(found.people, surfaces.people, strict=True):
        assert_same(one, other)


def test_a_file_that_names_no_keypoints_has_none(tmp_path: Path) -> None:
    """Files from before these fields existed."""
    surfaces = written(tmp_path / "new.zip")
    with zipfile.ZipFile(tmp_path / "new.zip") as new, zipfile.ZipFile(tmp_path / "old.zip", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name.endswith("packet.json"):
                tree = json.loads(content)
                for person in tree[1]["fields"]["people"]["items"]:
                    del person["fields"]["keypoint_K3"], person["fields"]["mask_hw"]
                content = json.dumps(tree).encode()
            old.writestr(name, content)
    _, found = ShardReader(tmp_path / "old.zip").packet(24)
    assert found.people[0].keypoint_K3 is None and found.people[0].mask_hw is None
    assert np.array_equal(found.people[0].labels_hw, surfaces.people[0].labels_hw)
