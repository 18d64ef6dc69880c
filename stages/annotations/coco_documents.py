"""Files of annotations as JSON documents with images and annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.files.atomic_file import atomic_write
from models.files.json_file import read_json
from pipeline.stage import StageError


def read_document(path: Path) -> dict[str, Any]:
    """A file's parsed JSON. Raises: StageError if it is missing, not JSON, or has no images and annotations."""
    remedy = "name a DensePose-COCO file, such as densepose_minival2014.json"
    try:
        document = read_json(path)
    except OSError as error:
        raise StageError("the annotations are missing", str(path), remedy) from error
    except ValueError as error:
        raise StageError(f"the annotations are damaged ({error})", str(path), "get the file again") from error
    if isinstance(document, list):
        raise StageError("is a list of results, not a file of annotations", str(path), remedy)
    lists = isinstance(document, dict) and all(isinstance(document.get(k), list) for k in ("images", "annotations"))
    if not lists:
        raise StageError("holds no lists of images and annotations", str(path), remedy)
    return dict(document)


def _json_pieces(document: Mapping[str, Any]) -> Iterator[str]:
    """The JSON of a document as `json.dumps` writes it, record by record: other threads go on between them."""
    for number, (name, value) in enumerate(document.items()):
        yield f"{', ' if number else '{'}{json.dumps(name)}: "
        if isinstance(value, list):
            yield "["
            for at, record in enumerate(value):
                yield f"{', ' if at else ''}{json.dumps(record)}"
            yield "]"
        else:
            yield json.dumps(value)
    yield "}" if document else "{}"


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document of annotations atomically. Raises: StageError when the file cannot be written."""
    try:
        with atomic_write(path) as draft, draft.open("w", encoding="utf-8") as file:
            file.writelines(_json_pieces(document))
    except OSError as error:
        reason = error.strerror or str(error)
        raise StageError(f"the annotations cannot be written ({reason})", str(path), "name another file") from error
