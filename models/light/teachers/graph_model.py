"""TensorFlow.js graph models (`NAME.json` with the graph, `NAME.bin` with the weights), run by OpenVINO on the CPU.

OpenVINO reads TensorFlow's graphs in protobuf. A graph model is the same graph as JSON, so it is written again as
protobuf (`graph.proto`, `node_def.proto`, `attr_value.proto` and `tensor.proto` of TensorFlow), with its weights in it.
TensorFlow.js joins a convolution and what follows it to one node; OpenVINO does not know such nodes, so they are split.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import F32
from models.engines.engine import compile_request
from models.errors import ModelError
from models.files.json_file import read_json
from models.light.teachers.teacher_files import reading_core, require_file

Node = Mapping[str, Any]
"""A node of the graph, as in the JSON: `name`, `op`, `input`, `attr`."""
_SPLIT = {
    "_FusedConv2D": "Conv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedMatMul": "MatMul",
}
"""Joined nodes, and the node that each begins with."""
_FUSION_KEYS = {"fused_ops", "num_args", "epsilon", "leakyrelu_alpha", "use_cudnn_on_gpu"}
_TYPES = {"DT_FLOAT": 1, "DT_INT32": 3, "DT_STRING": 7, "DT_INT64": 9, "DT_BOOL": 10}
"""TensorFlow's numbers of data types (`types.proto`)."""


class GraphModel:
    """A network of one input."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Args: path of the .json; the .bin of the same name lies beside it.

        Raises: ModelError if a file or OpenVINO is missing, or they are other files.
        """
        weights = path.with_suffix(".bin")
        require_file(path)
        require_file(weights)
        try:
            graph = graph_def(read_json(path), weights.read_bytes())
        except (KeyError, TypeError, ValueError, IndexError) as error:
            remedy = "give a graph model of TensorFlow.js and its .bin of the same download"
            raise ModelError(f"it cannot be read ({error!r})", str(path), remedy) from error
        with TemporaryDirectory() as folder:
            draft = Path(folder) / "graph.pb"
            draft.write_bytes(graph)
            whole = reading_core(path).read_model(draft)
        (only,) = whole.inputs
        self.shape = tuple(1 if side.is_dynamic else side.get_length() for side in only.partial_shape)
        """Shape of the input, channels last."""
        whole.reshape(self.shape)
        self._request = compile_request(whole, threads=threads, precision="fp32")
        self._dtype = only.element_type.to_dtype()
        self._names = [min(output.get_names(), key=len).split(":")[0] for output in whole.outputs]

    def __call__(self, x_NHWC: npt.NDArray[Any]) -> dict[str, F32]:
        """The outputs by their names. Args: an array of `shape`."""
        self._request.infer({0: np.ascontiguousarray(x_NHWC, self._dtype)})
        return {name: self._request.get_output_tensor(at).data.copy() for at, name in enumerate(self._names)}


def graph_def(model: Mapping[str, Any], weights: bytes) -> bytes:
    """A graph model as TensorFlow's `GraphDef`. Raises: KeyError, TypeError, ValueError, IndexError if it is none."""
    value_of = stored_arrays(model, weights)
    nodes = [one for node in model["modelTopology"]["node"] for one in split_node(node)]
    return b"".join(_field(1, _node_def(node, value_of)) for node in nodes) + _field(4, _number(1, 987))


def stored_arrays(model: Mapping[str, Any], weights: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a graph model by the names of their nodes; float16 becomes float32."""
    arrays, start = {}, 0
    for spec in (spec for group in model["weightsManifest"] for spec in group["weights"]):
        stored = np.dtype(spec.get("quantization", spec)["dtype"])
        count = int(np.prod(spec["shape"], dtype=np.int64))
        flat = np.frombuffer(weights, stored, count, start)
        arrays[spec["name"]] = flat.astype(np.dtype(spec["dtype"])).reshape(spec["shape"])
        start += flat.nbytes
    if start != len(weights):
        raise ValueError(f"the .bin has {len(weights)} bytes, the graph {start}")
    return arrays


def split_node(node: Node) -> Iterator[Node]:
    """A node, or the plain nodes that a joined one stands for; the last keeps its name."""
    dtype = {"T": {"type": "DT_FLOAT"}}
    if node["op"] == "Prelu":
        before, slope = node["input"]
        yield from _prelu(node["name"], before, slope, dtype)
        return
    if node["op"] not in _SPLIT:
        yield node
        return
    follow = [base64.b64decode(one).decode() for one in node["attr"]["fused_ops"]["list"]["s"]]
    first, second, *more = node["input"]
    extra = iter(more)
    plain = {key: value for key, value in node["attr"].items() if key not in _FUSION_KEYS}
    names = [f"{node['name']}/{at}" for at in range(len(follow))] + [node["name"]]
    yield {"name": names[0], "op": _SPLIT[node["op"]], "input": [first, second], "attr": plain}
    for before, name, op in zip(names, names[1:], follow, strict=False):
        if op == "Prelu":
            yield from _prelu(name, before, next(extra), dtype)
        else:
            arguments = [next(extra)] if op == "BiasAdd" else []
            yield {"name": name, "op": op, "input": [before, *arguments], "attr": dtype}


def _prelu(name: str, before: str, slope: str, dtype: Node) -> Iterator[Node]:
    """max(x, 0) - slope * max(-x, 0)."""
    above, minus, below, scaled = (f"{name}/{part}" for part in ("above", "minus", "below", "scaled"))
    for one, op, wires in (
        (above, "Relu", [before]),
        (minus, "Neg", [before]),
        (below, "Relu", [minus]),
        (scaled, "Mul", [below, slope]),
        (name, "Sub", [above, scaled]),
    ):
        yield {"name": one, "op": op, "input": wires, "attr": dtype}


def _node_def(node: Node, value_of: Mapping[str, npt.NDArray[Any]]) -> bytes:
    attributes = {key: _attribute(value) for key, value in node.get("attr", {}).items() if key != "value"}
    if node["op"] == "Const":
        attributes["value"] = _field(8, _tensor(value_of[node["name"]]))
    parts = [_text(1, node["name"]), _text(2, node["op"]), *(_text(3, wire) for wire in node.get("input", ()))]
    parts += [_field(5, _text(1, key) + _field(2, value)) for key, value in attributes.items()]
    return b"".join(parts)


def _attribute(value: Mapping[str, Any]) -> bytes:
    """An `AttrValue` of one of the kinds that these graphs have."""
    ((kind, content),) = value.items()
    if kind == "list":
        return _field(1, b"".join(_scalar(key, one) for key, many in content.items() for one in many))
    return _scalar(kind, content)


def _scalar(kind: str, content: Any) -> bytes:
    match kind:
        case "s":
            return _field(2, base64.b64decode(content))
        case "i":
            return _number(3, int(content))
        case "f":
            return bytes([4 << 3 | 5]) + struct.pack("<f", content)
        case "b":
            return _number(5, int(content))
        case "type":
            return _number(6, _TYPES[content])
        case "shape":
            return _field(7, _shape([int(side["size"]) for side in content["dim"]]))
    raise ValueError(f"an attribute of kind {kind!r}")


def _tensor(array: npt.NDArray[Any]) -> bytes:
    dtype = {"f": "DT_FLOAT", "i": "DT_INT32", "b": "DT_BOOL"}[array.dtype.kind]
    return _number(1, _TYPES[dtype]) + _field(2, _shape(list(array.shape))) + _field(4, array.tobytes())


def _shape(sides: list[int]) -> bytes:
    return b"".join(_field(2, _number(1, side)) for side in sides)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    """A field of a given length."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """A field that is an integer."""
    return bytes([number << 3]) + _varint(value % 2**64)


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the top bit says that more follow."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
