"""The names of a file: constants of the chosen variant, blocks, defaults, and what `use` brings (RULINGS 25-29)."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from netlang.check import blocks, cells, constants, place, words
from netlang.check.constants import Constants, Definition
from netlang.check.problems import Problems, limit
from netlang.check.scope import Known, Made, Scope
from netlang.check.settings import Settings
from netlang.check.values import Copy, Value
from netlang.diagnostics import Label, NetError, either, error, meant
from netlang.files import Problem, inside
from netlang.layers.recurrent.op import layer_of
from netlang.record import dataclass
from netlang.source import Source, Span
from netlang.syntax import ast
from netlang.syntax.parse import parse
from netlang.syntax.read import read

VERSION = 1
MOST = 100  # files of one net, and options that are default for one layer
DEEPEST = 20  # files that use files


@dataclass
class Files:
    """The files of a net. root: the folder none of them may leave; asked: values of `--set`."""

    root: Path
    asked: Mapping[str, Value]
    problems: Problems
    known: dict[Path, Scope] = field(default_factory=dict)
    open_: list[Path] = field(default_factory=list)

    def scope(self, file: ast.File, variant: ast.Variant | None) -> Scope:
        """The names of a file."""
        scope = Scope(Constants())
        for statement in file.statements:
            if isinstance(statement, ast.Use):
                with self.problems.collected():
                    self.use(statement, file, scope)
        constants.gathered(file, variant, self.asked, self.problems, scope.constants)
        for statement in file.statements:
            with self.problems.collected():
                if isinstance(statement, ast.Block):
                    _define(statement, scope)
                elif isinstance(statement, ast.Cell):
                    _define_cell(statement, scope)
                elif isinstance(statement, ast.Default):
                    self.default(statement, scope)
                elif isinstance(statement, ast.Version):
                    _version(statement, file)
        return scope

    def use(self, statement: ast.Use, file: ast.File, into: Scope) -> None:
        """Take the names of another file."""
        path = self.path(statement, file)
        if path in self.open_:
            chain = " uses ".join(one.name for one in [*self.open_[self.open_.index(path) :], path])
            raise error("use", "these files use each other in a circle", statement.path.span, chain)
        if path not in self.known:
            if len(self.open_) >= DEEPEST or len(self.known) >= MOST:
                raise limit(f"more than {MOST} files, or {DEEPEST} within one another", statement.path.span)
            try:
                source = read(Path(file.source.name).parent / statement.path.text)
            except NetError as problem:
                first = problem.diagnostics[0]
                raise error(
                    "use", f"this file cannot be used: {first.title}", statement.path.span, help=first.help
                ) from None
            self.open_.append(path)
            try:
                tree = parse(source)
                first_variant = next((s for s in tree.statements if isinstance(s, ast.Variant)), None)
                self.known[path] = self.scope(tree, first_variant)
            finally:
                self.open_.pop()
        _merge(self.known[path], into, statement)

    def path(self, statement: ast.Use, file: ast.File) -> Path:
        """Where a used file is. Raises NetError for what lies outside the folder of the net."""
        try:
            return inside(statement.path.text, Path(file.source.name).parent, self.root).resolve()
        except Problem as problem:
            example = 'as in `use "blocks/resnet.net"`, relative to the file that uses it'
            raise error("use", f"`use` {problem}", statement.path.span, help=example) from None

    def default(self, statement: ast.Default, scope: Scope) -> None:
        """Keep the options of a `default` that are right."""
        for kind in statement.kinds:
            with self.problems.collected():
                own = scope.cell(kind)
                if own is not None and own.layer is None:
                    continue  # the cell is wrong, which has been said
                cls, kernel = (own.layer, None) if own and own.layer else words.split(kind, scope.cells)
                if kernel is not None:
                    raise error(
                        "default", "a default holds for every kernel", kind.span, help=f"write `default {cls.word}: …`"
                    )
                if not statement.options:
                    raise error("default", "this default adds nothing", statement.span, help="as in `default conv: bn`")
                trial = Settings(cls, kind, scope.constants, Copy(0, 1), scope, activations=cls.activated, default=True)
                seen: dict[str, ast.Option] = {}
                rows = scope.defaults.setdefault(cls, [])
                for option in place.options(statement.options, kind):
                    if len(rows) >= MOST:
                        raise limit(f"more than {MOST} options are default for `{cls.word}`", option.span)
                    with self.problems.collected():
                        trial.take(option)
                        _once(trial.slot(option), option, cls.word, seen)
                        rows.append((statement.span.start, option))


def main(
    file: ast.File, variant: str | None, asked: Mapping[str, Value], problems: Problems
) -> tuple[Scope, ast.Variant | None]:
    """The names of a net's file, and the variant chosen: the first without a choice."""
    path = Path(file.source.name)
    root = path.parent.resolve()
    files = Files(root, asked, problems, open_=[path.resolve()])
    chosen = _variant(file, variant, problems)
    return files.scope(file, chosen), chosen


def variants(file: ast.File) -> list[str]:
    """The names of a file's variants, in order."""
    return [s.name.text for s in file.statements if isinstance(s, ast.Variant)]


def _variant(file: ast.File, asked: str | None, problems: Problems) -> ast.Variant | None:
    found: dict[str, ast.Variant] = {}
    for statement in file.statements:
        if isinstance(statement, ast.Variant):
            with problems.collected():
                if statement.name.text in found:
                    raise error("twice", f"there is a variant `{statement.name.text}` already", statement.name.span)
                found[statement.name.text] = statement
                if not statement.constants:
                    raise error(
                        "variant-form", "this variant sets nothing", statement.span, help="as in `variant D: n1=2`"
                    )
    chosen = found.get(asked or "") or next(iter(found.values()), None)
    for other in found.values():
        if other is not chosen:  # the chosen one is told of where its constants are taken
            constants.assignments(other, problems)
    if asked is not None and asked not in found:
        text = Source("command line", f"{file.source.name}:{asked}", of_file=False)
        span = Span(text, len(text.text) - len(asked), len(text.text))
        with problems.collected():
            if not found:
                raise error(
                    "variant", f"{file.source.name} has no variants", span, help="leave the colon and the word out"
                )
            raise error(
                "variant",
                f"{file.source.name} has no variant `{asked}`",
                span,
                help=meant(asked, found, f"there are {either(found, 'and')}"),
            )
    return chosen


def _once(slot: str, option: ast.Option, word: str, seen: dict[str, ast.Option]) -> None:
    """Raise NetError where a `default` settles the same thing twice (RULINGS 22)."""
    if slot in seen:
        first = Label(seen[slot].span, "the first stands here")
        raise error("twice", f"this default sets the {slot} of `{word}` twice", option.span, also=(first,))
    seen[slot] = option


def _define(block: ast.Block, scope: Scope) -> None:
    name = block.name.text
    _refuse_taken(block.name, scope)
    scope.blocks[name] = Known(block, scope, block.span)  # whatever it is called, so that its uses are not told too
    words.free(block.name)
    for parameter in block.parameters:
        words.free(parameter.name)
    blocks.checked_head(block.parameters)


def _define_cell(cell: ast.Cell, scope: Scope) -> None:
    name = cell.name.text
    _refuse_taken(cell.name, scope)
    scope.cells[name] = Made(cell, None, cell.span)  # so that its uses are not told too
    words.free(cell.name)
    scope.cells[name] = Made(cell, layer_of(cells.cell(cell, scope.constants)), cell.span)


def _refuse_taken(name: ast.Name, scope: Scope) -> None:
    known = (scope.blocks.get(name.text), scope.cells.get(name.text), scope.constants.known.get(name.text))
    for what, there in zip(("block", "cell", "constant"), known, strict=True):
        if there is not None:
            first = there.span if isinstance(there, Definition) else there.visible
            line = Span(first.source, first.start, first.start + len(first.text.split("\n")[0]))
            also = (Label(line, "the first"),)
            raise error("twice", f"there is a {what} called `{name.text}` already", name.span, also=also)


def _merge(used: Scope, into: Scope, statement: ast.Use) -> None:
    """Take the names of a used file; one name from two files is an error, the same file twice is not."""
    for name, known in used.blocks.items():
        there = into.blocks.get(name)
        if there is not None and there.block is not known.block:
            raise error("twice", f"two used files have a block `{name}`", statement.path.span)
        if there is None:
            into.blocks[name] = Known(known.block, known.home, statement.span)
    for name, made in used.cells.items():
        one = into.cells.get(name)
        if one is not None and one.statement is not made.statement:
            raise error("twice", f"two used files have a cell `{name}`", statement.path.span)
        into.cells[name] = Made(made.statement, made.layer, statement.span)
    for name, found in used.constants.known.items():
        before = into.constants.known.get(name)
        if before is not None and before.origin is not found.origin:
            raise error("twice", f"two used files have a constant `{name}`", statement.path.span)
        if before is None:
            into.constants.known[name] = Definition(statement.span, value=found.value, origin=found.origin)


def _version(statement: ast.Version, file: ast.File) -> None:
    if statement is not file.statements[0]:
        raise error("version", "the version stands on the first line", statement.span)
    if statement.number.value != VERSION:
        raise error(
            "version",
            f"this is netlang {VERSION}",
            statement.number.span,
            help=f"a file for another version needs another netlang; `netlang {VERSION}` is what this one reads",
        )
