"""A net as an ONNX file.

The batch is free, and so are the sizes that the net leaves open. Inputs and outputs have netlang's names and, unless
asked otherwise, its shapes; operators are called after the layers they belong to, weights as they are in netlang.
Source of the format: https://onnx.ai/onnx/repo-docs/IR.html, and ExternalData.html beside it.
"""

import importlib.util
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.checkpoint import LANGUAGE
from netlang.export.operators import Scaling, ends, operators
from netlang.files import Problem, write
from netlang.graph import Input, Net
from netlang.layers.onnx import Body, Operator, Operators
from netlang.record import dataclass
from netlang.sizes import Dim
from netlang.source import NOWHERE
from netlang.types import Tensor

Array = NDArray[Any]
Weights = Mapping[str, Array]
Proto = Any  # messages of the package `onnx`
OLDEST, NEWEST = 18, 26  # opsets: that in whose words layers are written, and the last one they were tried in
INSTALL = "ONNX files are written by the package `onnx`, which is not installed: pip install 'netlang[onnx]'"
LARGEST = 2**31 - 2**24  # bytes of weights inside a file: protobuf's limit, less room for the operators
SMALL = 1024  # bytes up to which a tensor stays inside the file in any case
PAGE = 4096  # bytes; a tensor beside the model starts at a multiple, so that it can be mapped into memory


@dataclass(frozen=True)
class Form:
    """How a net is written.

    opset: the version of the operators
    external: whether the weights lie in a file beside the model
    channels_first: whether images are [n, c, h, w], and sequences [n, c, t], at the inputs and outputs too
    scaling: of the numbers of the first input
    """

    opset: int = OLDEST
    external: bool = False
    channels_first: bool = False
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        if not OLDEST <= self.opset <= NEWEST:
            raise ValueError(f"the opset is from {OLDEST} to {NEWEST}, not {self.opset}")


def export(net: Net, identity: str, path: Path, weights: Weights, form: Form) -> None:
    """Write a model, and beside it `x.onnx.data` for `external`. Raises NetError or Problem.

    weights: all that the net stores, in netlang's shapes; identity: of the net, kept in the file
    """
    installed(form)
    made = operators(net, channels_first=form.channels_first, scaling=form.scaling)
    size = sum(_bytes(made).values())
    if size > LARGEST and not form.external:
        raise Problem(f"{path}: {size / 2**30:.1f} GiB of weights do not fit into one ONNX file; take --external")
    proto = model(net, identity, made, form, beside(path).name)
    if form.external:
        write(beside(path), _outside(made, weights))
        inside = [name for name in made.initial if name not in places(made)]
    else:
        inside = list(made.initial)
    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    for name in inside:
        held[name].raw_data = _numbers(made, name, weights)
    write(path, proto.SerializeToString())


def beside(path: Path) -> Path:
    """The file of the weights that lie outside of a model."""
    return path.with_name(f"{path.name}.data")


def installed(form: Form) -> None:
    """Raise Problem unless the package `onnx` is there and knows the opset."""
    if importlib.util.find_spec("onnx") is None:
        raise Problem(INSTALL)
    from onnx.defs import onnx_opset_version

    if form.opset > onnx_opset_version():
        raise Problem(f"the package `onnx` that is installed knows opsets up to {onnx_opset_version()}")


def model(net: Net, identity: str, made: Operators, form: Form, outside: str) -> Proto:
    """The ModelProto, but for the numbers of the weights. outside: the name of the file of `external` ones."""
    from onnx import helper

    spans = {node.id: str(node.span) for node in net.graph if node.span != NOWHERE}
    opsets = [helper.make_opsetid("", form.opset)]
    graph = helper.make_graph(
        [_node(operator, spans) for operator in made.made],
        net.name,
        [_value(node.id, node.type, form) for node in net.graph.made_by(Input)],
        [_value(name, net.graph[node].type, form) for name, node in ends(net).items()],
        [*_constants(made), *_stored(made, outside if form.external else None)],
    )
    proto = helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="netlang",
    )
    about = {"netlang": LANGUAGE, "net": identity} | ({"variant": net.variant} if net.variant else {})
    helper.set_model_props(proto, about)
    return proto


def _node(operator: Operator, spans: Mapping[str, str]) -> Proto:
    from onnx import helper

    attributes = {
        name: _body(value, spans) if isinstance(value, Body) else value for name, value in operator.attributes.items()
    }
    name, where = operator.outputs[-1], spans.get(operator.layer, "")
    return helper.make_node(operator.kind, operator.inputs, operator.outputs, name=name, doc_string=where, **attributes)


def _body(body: Body, spans: Mapping[str, str]) -> Proto:
    """The graph of a loop's body; its sizes follow from what it is given."""
    from onnx import TensorProto, helper

    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
        for names in (body.inputs, body.outputs)
    )
    return helper.make_graph([_node(operator, spans) for operator in body.made], body.name, inputs, outputs)


def _value(name: str, type_: Tensor, form: Form) -> Proto:
    """An input or output: its name, kind of number and sizes; those that are open are called as in netlang."""
    from onnx import TensorProto, helper

    shape: tuple[Dim, ...] = type_.shape
    if form.channels_first and len(shape) > 2:
        shape = (shape[0], shape[-1], *shape[1:-1])
    kind = TensorProto.INT64 if type_.classes else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, [d if isinstance(d, int) else str(d) for d in shape])


def _constants(made: Operators) -> Iterator[Proto]:
    from onnx import numpy_helper

    for name, array in made.constants.items():
        yield numpy_helper.from_array(array, name)


def _stored(made: Operators, outside: str | None) -> Iterator[Proto]:
    """The stored tensors without their numbers; those that lie in the file `outside` say where."""
    from onnx import TensorProto

    starts = places(made) if outside is not None else {}
    sizes = _bytes(made)
    for name, initial in made.initial.items():
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=initial.shape)
        if name in starts:
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", outside), ("offset", starts[name]), ("length", sizes[name])):
                tensor.external_data.add(key=key, value=str(value))
        yield tensor


def places(made: Operators) -> dict[str, int]:
    """Where each tensor that is not small starts in a file beside the model, in bytes."""
    found, end = {}, 0
    for name, size in _bytes(made).items():
        if size > SMALL:
            found[name] = end
            end += -(-size // PAGE) * PAGE
    return found


def _bytes(made: Operators) -> dict[str, int]:
    return {name: 4 * math.prod(initial.shape) for name, initial in made.initial.items()}


def _outside(made: Operators, weights: Weights) -> Iterator[bytes]:
    """The file beside the model, a tensor at a time."""
    end = 0
    for name, start in places(made).items():
        numbers = _numbers(made, name, weights)
        yield bytes(start - end)
        yield numbers
        end = start + len(numbers)


def _numbers(made: Operators, name: str, weights: Weights) -> bytes:
    """The numbers of a tensor, float32, least byte first. Raises Problem for what float32 cannot hold."""
    initial = made.initial[name]
    arrays = []
    for each in initial.of:
        with np.errstate(over="ignore"):
            arrays.append(np.asarray(weights[each]).astype("<f4"))
        if not np.isfinite(arrays[-1]).all():
            raise Problem(f"`{each}` holds numbers that are not finite in float32")
    return initial.make(*arrays).tobytes()
