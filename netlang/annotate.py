"""Shapes at the ends of lines: written where there are none, put right where they are wrong."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from netlang.check import check, files, outputs
from netlang.diagnostics import NetError
from netlang.source import Source, Span
from netlang.syntax import ast, write
from netlang.syntax.format import formatted
from netlang.syntax.parse import parse
from netlang.types import Dim

Shapes = list[tuple[Dim, ...] | None]  # of the file's own lines, in order; None where variants disagree in kind


def annotated(source: Source, variant: str | None = None, settings: Mapping[str, str] | None = None) -> str:
    """The text of a file, laid out, with `-> shape` behind each of its own lines.

    A size that differs from variant to variant becomes `?`, unless one is asked for. What is written with `?` or an
    expression stays if it is true. Lines of blocks have other shapes at each use: theirs are checked, not written.
    Raises NetError for a wrong file; promises of its own lines may be wrong.
    """
    file = parse(source)
    lines = [s for s in file.statements if isinstance(s, ast.Line)]
    names: list[str | None] = [variant] if variant is not None else list(files.variants(file)) or [None]
    found = _agreed([_shapes(file, name, settings or {}) for name in names])
    wrong = _wrong(file, names, settings or {})
    text = source.text
    for line, shape in reversed(list(zip(lines, found, strict=True))):
        text = _edited(text, line, shape, wrong)
    return formatted(Source(source.name, text))


def _edited(text: str, line: ast.Line, shape: tuple[Dim, ...] | None, wrong: list[Span]) -> str:
    """The text with the shape of one line. Lines are edited from the last to the first: the offsets before it hold."""
    if shape is None:
        return text
    made = write.promise(shape)
    if line.shape is None:
        end = line.chain.span.end
        return f"{text[:end]} -> {made}{text[end:]}"
    plain = all(isinstance(size, ast.Number | ast.Pair) for size in line.shape.sizes)
    span = line.shape.span
    if plain or any(span.start <= at.start < span.end for at in wrong):
        return text[: span.start] + made + text[span.end :]
    return text


def _agreed(variants: list[Shapes]) -> Shapes:
    """The shapes of all variants: `?` where they have different sizes."""
    found: Shapes = []
    for shapes in zip(*variants, strict=True):
        known = [shape for shape in shapes if shape is not None]
        if len(known) < len(shapes) or len({len(shape) for shape in known}) > 1:
            found.append(None)
        else:
            axes = zip(*known, strict=True)
            found.append(tuple(axis[0] if len(set(axis)) == 1 else "?" for axis in axes))
    return found


def _wrong(file: ast.File, names: list[str | None], settings: Mapping[str, str]) -> list[Span]:
    """Where shapes are promised that are not there."""
    found: list[Span] = []
    for name in names:
        try:
            check(file, variant=name, settings=settings)
        except NetError as problem:
            found += [one.at.span for one in problem.diagnostics if one.code == "promise"]
    return found


def _shapes(file: ast.File, variant: str | None, settings: Mapping[str, str]) -> Shapes:
    """The shape at the end of each of the file's own lines: each line's end becomes an output at the side."""
    plain = [replace(s, shape=None) if isinstance(s, ast.Line) else s for s in file.statements]
    check(replace(file, statements=tuple(plain)), variant=variant, settings=settings)  # for its errors
    kept = [s for s in plain if not isinstance(s, ast.Train | ast.Expect)]
    at = [k for k, s in enumerate(kept) if isinstance(s, ast.Line)]
    prefix = next(word for k in count() if (word := f"line{k}_") not in file.source.text)
    names = [f"{prefix}{k}" for k in at]
    ends: list[str] = []
    for k, name in zip(at, names, strict=True):
        line = kept[k]
        assert isinstance(line, ast.Line)
        kept[k], end = _labelled(line, name, last=k == at[-1])
        ends.append(end)
    kept += [_side(end, name, file) for end, name in zip(ends, names, strict=True)]
    graph = check(replace(file, statements=tuple(kept)), variant=variant, settings=settings).graph
    return [graph[graph.outputs[name]].type.shape[1:] for name in names]


def _labelled(line: ast.Line, name: str, last: bool) -> tuple[ast.Line, str]:
    """The line with a label at its end, and which one; the last line with the `output` that goes without saying."""
    items = line.chain.items
    written = outputs.ends(items[-1])
    *before, end = items[:-1] if written else items
    if isinstance(end.what, ast.Reference):
        name = end.what.name.text
    elif end.label is not None:
        name = end.label.text
    else:
        end = replace(end, label=ast.Name(name, end.span))
    ending = [items[-1]] if written else [_output((), line.span)] if last else []
    return replace(line, chain=replace(line.chain, items=(*before, end, *ending))), name


def _side(label: str, name: str, file: ast.File) -> ast.Line:
    """`@label, output name side`"""
    span = Span(file.source, len(file.source.text), len(file.source.text))
    flags = tuple(ast.Option(ast.Name(text, span), None, span) for text in (name, outputs.SIDE))
    reference = ast.Item(ast.Reference(ast.Name(label, span), span), None, None, span)
    return ast.Line(ast.Chain((reference, _output(flags, span)), span), None, span)


def _output(options: tuple[ast.Option, ...], span: Span) -> ast.Item:
    step = ast.Step(ast.Name(outputs.WORD, span), None, None, options, None, (), span)
    return ast.Item(step, None, None, span)
