"""The default activation: where it stands, and where something else takes its place (RULINGS 1-8).

A layer that computes a weighted sum ends in the default activation, unless the step that reads it first in the text
settles the matter: an activation, a norm, a merge that is not looked through, a softmax, or an output of the net.
Read backwards, each step needs to know only whether what follows it settles.
"""

from netlang.check.problems import Problems
from netlang.check.tree import Activation, Op, Steps

BIAS = "bias"


def place(steps: Steps, problems: Problems) -> None:
    """Give every step its activation."""
    settled: dict[Op, bool] = {}
    for op in reversed(list(steps.ops())):
        settled[op] = _settled(op, settled)
        if op.usual is not None and op.activation is None and not settled[op]:
            op.activation = Activation(op.usual, op.span, written=False)
            _late(op, problems)
    for op in steps.ops():
        _after_norm(op, settled, problems)


def _settled(op: Op, settled: dict[Op, bool]) -> bool:
    """Whether what reads the output first needs it as it is."""
    reader = op.readers[0] if op.readers else None
    if reader is None:  # an output of the net
        return True
    layer = reader.layer
    if layer is None:
        return False
    if layer.settles or layer.activation:
        return True
    return layer.transparent and (reader.activation is not None or settled[reader])


def _late(op: Op, problems: Problems) -> None:
    """Note a later reader that would have kept the default activation away, had it come first (RULINGS 2)."""
    assert op.activation is not None
    for reader in op.readers[1:]:
        if reader is not None and reader.layer is not None and (reader.layer.activation or reader.layer.norm):
            problems.note(
                "late-activation",
                f"`{reader.layer.word}` reads this after its default activation, `{op.activation.layer.word}`",
                reader.span,
                help=f"what reads a tensor first decides: write `linear` on line {op.span.row} to have none",
            )


def _after_norm(op: Op, settled: dict[Op, bool], problems: Problems) -> None:
    """Note norms as steps that leave a layer without its activation or with a useless bias (RULINGS 6, 48)."""
    if op.layer is None or not op.layer.norm or not op.inputs:
        return
    before = op.inputs[0]
    if before.layer is None or before.usual is None or before.activation is not None or before.norm is not None:
        return
    word, text = op.layer.word, before.span.text.split("\n")[0]
    if not settled[op]:
        problems.note(
            "no-activation",
            f"there is no activation after this `{word}`",
            op.span,
            help=f"write `{text} {word}` to have `{before.usual.word}` behind it, or add an activation",
        )
    if op.layer.centred and getattr(before.layer, BIAS, False):
        problems.note(
            "bias",
            f"`{word}` takes away what the bias of `{text}` adds",
            op.span,
            help=f"write `{text} {word}`, or `{text} {BIAS}=no`",
        )
