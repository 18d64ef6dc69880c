"""YAML for settings: a tree of bounded size and depth, with all aliases counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

MOST_CHARACTERS = 256_000
MOST_NODES = 20_000
"""Most values of one text, each counted as often as aliases repeat it."""
DEEPEST = 40
LARGEST_NUMBER = 2**63


def read_yaml(text: str) -> Any:
    """The value of a text.

    Raises: yaml.YAMLError, whose `problem` and `problem_mark` describe the error and its place.
    """
    if len(text) > MOST_CHARACTERS:
        raise _problem(f"it has more than {MOST_CHARACTERS} characters")
    try:
        _check_size(text)
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        # Invalid dates and numbers: PyYAML passes on the errors of their types.
        raise _problem(f"it holds a value that is none ({type(error).__name__})") from error


class _Loader(yaml.SafeLoader):
    """Whole numbers have at most 64 bits: longer ones cannot even be shown in a message."""


def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    value = loader.construct_yaml_int(node)
    if abs(value) > LARGEST_NUMBER:
        raise _problem("it holds a whole number of more than 64 bits", node.start_mark)
    return int(value)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


@dataclass(slots=True)
class _Branch:
    """A collection that is being read: its values so far, the levels below it, and its anchor for aliases."""

    anchor: str | None
    nodes: int = 1
    depth: int = 1


def _check_size(text: str) -> None:
    """Raises: yaml.YAMLError for a tree that is too large or too deep, or that contains itself."""
    whole = _Branch(None, nodes=0, depth=0)
    open_branches: list[_Branch] = [whole]
    known: dict[str, _Branch] = {}
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_branches.append(_Branch(event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            _put(open_branches.pop(), open_branches, known)
        elif isinstance(event, yaml.ScalarEvent):
            _put(_Branch(event.anchor, depth=0), open_branches, known)
        elif isinstance(event, yaml.AliasEvent):
            if any(branch.anchor == event.anchor for branch in open_branches):
                raise _problem(f"*{event.anchor:.40} holds itself", event.start_mark)
            held = known.get(str(event.anchor), _Branch(None, depth=0))
            _put(_Branch(None, nodes=held.nodes, depth=held.depth), open_branches, known)
        deepest = len(open_branches) - 1 + open_branches[-1].depth
        if max(deepest, whole.depth) > DEEPEST:
            raise _problem(f"it is nested deeper than {DEEPEST} levels", event.start_mark)
        if sum(branch.nodes for branch in open_branches) > MOST_NODES:
            raise _problem(f"it holds more than {MOST_NODES} values", event.start_mark)


def _put(done: _Branch, open_branches: list[_Branch], known: dict[str, _Branch]) -> None:
    """Count a complete value in its parent, and store it for aliases."""
    if done.anchor is not None:
        known[done.anchor] = done
    around = open_branches[-1]
    around.nodes += done.nodes
    around.depth = max(around.depth, done.depth + 1)


def _problem(what: str, mark: Any = None) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=mark)
