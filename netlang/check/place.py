"""One step in its place: its layer with all settings, its name, and whose weights it shares."""

import re
from collections.abc import Iterator, Mapping, Sequence

from netlang.check import shared
from netlang.check.problems import Problems
from netlang.check.scope import Labelled, Place
from netlang.check.settings import Settings, hints
from netlang.check.tree import Activation, Op, Promise
from netlang.check.words import Kernel, usual
from netlang.diagnostics import NetError, count, error
from netlang.layer import Layer
from netlang.syntax import ast

INIT = "init"
_KERNEL = re.compile(r"^([A-Za-z_]+?)([0-9][0-9.x]*)")


def placed(cls: type[Layer], step: ast.Step, kernel: Kernel, here: Place, label: str | None) -> Op:
    """The step of a layer, without the tensor it reads first."""
    settings = _settings(cls, step, kernel, here)
    said = {**here.said, **settings.said}
    if INIT in said and INIT in hints(cls) and INIT not in settings.values:
        settings.values[INIT] = said[INIT].value
    layer, norm = settings.layer(), settings.norm
    tensors = [here.labelled(t, step).op for t in settings.tensors.values()]
    path = here.called(cls.word, label)
    op = Op(
        layer,
        step.span,
        step.word.span,
        path,
        list(tensors),
        at=settings.at,
        norm=norm,
        activation=settings.activation,
        usual=settings.usual if cls.activated else None,
        inside=here.inside,
        training=shared.training(said, settings.said, len(path)),
    )
    for tensor in tensors:
        tensor.skips += 1  # a setting reads its size: no next thing (RULINGS 1)
    if tie := settings.said.get(shared.TIE):
        shared.alone(step.options, tie)
        tie_all([op], tie, "", here.labelled(tie.value.label, step))
    return op


def merge(cls: type[Layer], step: ast.Step, kernel: Kernel, here: Place, label: str | None) -> Op:
    """A merge without its branches. The option behind the bracket is an activation of the merged."""
    behind = _behind(cls, step, here)
    op = placed(cls, step, kernel, here, label)
    op.activation = behind
    return op


def _settings(cls: type[Layer], step: ast.Step, kernel: Kernel, here: Place) -> Settings:
    settings = Settings(cls, step.word, here.names, here.copy, here.scope, activations=cls.activated)
    settings.usual = usual() if cls.activated else None
    settings.preset()
    problems = Problems()
    with problems.collected():
        _suffixes(settings, step, kernel)
    wrong = False
    for option in options(step.options, settings.word, cls.arguments):
        if wrong and option.name is None:
            continue  # the value of a word that is wrong
        before = len(problems.errors)
        with problems.collected():
            settings.take(option)
        wrong = len(problems.errors) > before
    if problems.errors:
        raise NetError(*problems.errors)
    return settings


def _suffixes(settings: Settings, step: ast.Step, kernel: Kernel) -> None:
    """`kernel`, `-width` and `/stride`, for layers that have them."""
    takes, word = hints(settings.cls), step.word
    written = {"kernel": kernel, "width": step.width, "stride": step.stride}
    for name, value in written.items():
        if value is None:
            continue
        if name not in takes:
            raise error(
                "suffix",
                f"`{settings.cls.word}` takes no {name}",
                value.span,
                help=_instead(name, value, step, settings.cls),
            )
        if name == "width" and isinstance(value, ast.Pair):
            raise error(
                "repeat",
                "a repeat needs a blank before its `x`",
                value.span,
                help=f"write `{word.text}-{value.sizes[0]} x{value.sizes[1]}`",
            )
        settings.put(name, value, value.span if name != "kernel" else word.span)


def _instead(name: str, value: ast.Value, step: ast.Step, cls: type[Layer]) -> str | None:
    """How to write what a suffix may have meant."""
    takes, word, text = hints(cls), step.word.text, value.span.text
    behind = step.span.text[len(word) :]
    if name == "stride":
        wide = step.width.span.text if step.width is not None and "width" in takes else None
        return f"a quotient stands in brackets: `{word}-({wide}/{text})`" if wide else None
    if not takes:
        return "did you mean a comma?" if isinstance(value, ast.Word) else f"`{cls.word}` takes no settings"
    if name == "kernel":  # `dropout0.5` is read as the word `dropout0` and .5
        word, text = _KERNEL.findall(word + behind.partition(" ")[0])[0]
    elif behind[0].isspace():
        text = f"(-{text})"
    if name == "kernel" and "width" in takes:
        return f"a width is written `{word}-{text}`"
    return f"a value stands behind a blank: `{word} {text}`" if cls.positional else None


def options(
    written: tuple[ast.Option | ast.Arguments, ...], word: ast.Name, arguments: Mapping[str, str] | None = None
) -> list[ast.Option]:
    """The options, with `dropout(0.5)` as `dropout 0.5`. arguments: the settings that go by order in brackets"""
    found: list[ast.Option] = []
    for option in written:
        if isinstance(option, ast.Option):
            found.append(option)
            continue
        if not option.items:
            raise error("value", f"there is nothing in the brackets of `{word.text}`", option.span)
        if arguments:
            found += _arguments(option, word, arguments)
            continue
        if sum(item.name is None for item in option.items) > 1:
            raise error("value", f"`{word.text}` takes one value in its brackets", option.items[1].span)
        found += option.items
    return found


def _arguments(written: ast.Arguments, word: ast.Name, names: Mapping[str, str]) -> Iterator[ast.Option]:
    """`mine(128, k=3)` as the settings `width` and `k`."""
    order = iter(names)
    for item in written.items:
        said = next(order, None) if item.name is None else item.name.text
        if said is None:
            raise error(
                "argument",
                f"`{word.text}` takes {count(len(names), 'argument')}",
                item.span,
                help=f"it is `{word.text}({', '.join(names)})`",
            )
        at = item.name.span if item.name is not None else item.span
        yield ast.Option(ast.Name(names.get(said, said), at), item.value, item.span)


def _behind(cls: type[Layer], step: ast.Step, here: Place) -> Activation | None:
    taken = Settings(cls, step.word, here.names, here.copy, here.scope, activations=True)
    for option in options(step.after, step.word):
        taken.take(option)
        if option.name is None or taken.at:
            raise error(
                "unknown-option",
                "behind the branches stands an activation or nothing",
                option.span,
                help=f"settings of `{cls.word}` stand before the `[`: `{cls.word} {option.span.text}[ … ]`",
            )
    return taken.activation


def tie_all(new: Sequence[Op | Promise], tie: shared.Said, block: str, labelled: Labelled) -> None:
    """Let steps share the weights of those that a label stands for, pair by pair (RULINGS 53)."""
    found: shared.Tie = tie.value
    ops = [op for op in new if isinstance(op, Op)]
    if found.transposed and len(ops) == len(labelled.made) == 1:
        ops[0].tied = (labelled.made[0], True, tie.span)
        return
    if [_kind(op) for op in ops] != [_kind(op) for op in labelled.made] or (block and labelled.what != block):
        what = f"use of the block `{block}`" if block else "layer of the same kind"
        made = f"; `@{found.label.text}` is made by `{labelled.what}`" if labelled.what else ""
        raise error(
            "tie",
            f"`@{found.label.text}` is made by other layers",
            tie.span,
            help=f"weights are shared with a {what}{made}",
        )
    for op, of in zip(ops, labelled.made, strict=True):
        op.tied = (of, found.transposed, tie.span)


def _kind(op: Op) -> str | None:
    return op.layer.word if op.layer is not None else None
