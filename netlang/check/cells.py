"""The `cell` statement: equations to formulas (LANGUAGE.md section 5, RULINGS 55 to 57)."""

import keyword
from pathlib import Path

from netlang.check import blocks, formulas, shared, words
from netlang.check.constants import Constants
from netlang.check.problems import Problems
from netlang.check.values import Names, number
from netlang.diagnostics import NetError, error, meant
from netlang.formula import Term, names
from netlang.layer import SUFFIXES
from netlang.layers.recurrent.cell import INPUT, Cell, Equation, before
from netlang.layers.recurrent.op import DIRECTIONS, Recurrent
from netlang.syntax import ast
from netlang.syntax.parse import parse
from netlang.syntax.read import read

MOST = 100  # states and equations of one cell
MEANING = {
    INPUT: "the step of the sequence",
    "W": "the weights of a product",
    "w": "weights that numbers are multiplied by one by one",
    "b": "a bias",
}


def cell(statement: ast.Cell, constants: Names) -> Cell:
    """The cell of a statement. constants: of its file. Raises NetError with all that is wrong."""
    return _Lines(statement, constants).cell()


def cells_of(path: Path) -> dict[str, Cell]:
    """The cells of a file that holds nothing else, by name."""
    file = parse(read(path))
    return {one.name.text: cell(one, Constants()) for one in file.statements if isinstance(one, ast.Cell)}


class _Lines:
    """The lines of one cell, read from top to bottom."""

    def __init__(self, statement: ast.Cell, constants: Names) -> None:
        self.statement, self.constants = statement, constants
        self.problems = Problems()
        self.states: dict[str, Term] = {}
        self.equations: dict[str, Equation] = {}
        self.names: set[str] = set()  # of parameters and states

    def cell(self) -> Cell:
        if len(self.statement.equations) + len(self.statement.states) > MOST:
            name = self.statement.name
            raise error("too-many", f"`{name.text}` has more than {MOST} states and equations", name.span)
        parameters = self.parameters()
        for state in self.statement.states:
            with self.problems.collected():
                self.state(state)
        self.read()
        output = ""
        with self.problems.collected():
            output = self.output()
        for state in self.statement.states:
            with self.problems.collected():
                self.remembered(state)
        self.settle()
        with self.problems.collected():
            self.all_read(output)
        self.settle()
        states, equations = tuple(self.states.items()), tuple(self.equations.values())
        return Cell(self.statement.name.text, parameters, states, equations, output)

    def settle(self) -> None:
        if self.problems.errors:
            raise NetError(*self.problems.errors)

    def parameters(self) -> tuple[tuple[str, float | None], ...]:
        found: list[tuple[str, float | None]] = []
        with self.problems.collected():
            blocks.checked_head(self.statement.parameters)
        for parameter in self.statement.parameters:
            with self.problems.collected():
                found.append((parameter.name.text, None))
                self.names.add(parameter.name.text)
                if parameter.label:
                    raise error("argument", "a cell takes numbers, and no labels", parameter.span)
                _free(parameter.name)
                if len(found) > 1 or parameter.name.text != "width":
                    _free_setting(parameter.name)
                if parameter.value is not None:
                    found[-1] = parameter.name.text, float(number(parameter.value, self.constants))
        with self.problems.collected():
            self.usable(found)
        return tuple(found)

    def usable(self, parameters: list[tuple[str, float | None]]) -> None:
        """Raise NetError for a cell without a width or a state."""
        name = self.statement.name
        if not parameters:
            raise error(
                "cell",
                f"the cell `{name.text}` has no parameter",
                name.span,
                help=f"the first one is its width: `cell {name.text}(n):`",
            )
        first, usual = parameters[0]
        if usual is not None and (usual < 1 or usual != int(usual)):
            span = self.statement.parameters[0].span
            raise error("value", f"`{first}` is the width of the cell, a whole number from 1", span)
        if not self.statement.states:
            raise error(
                "cell",
                f"the cell `{name.text}` remembers nothing from step to step",
                name.span,
                help=f"`state h={first}` is one that does; each step for itself is `conv1-64`",
            )

    def state(self, state: ast.State) -> None:
        name = state.name.text
        if name in self.names:
            what = "state" if name in self.states else "parameter"
            raise error("twice", f"there is a {what} `{name}` already", state.name.span)
        self.names.add(name)
        self.states[name] = formulas.UNKNOWN  # so that its equation is not called wrong too
        _free(state.name)
        parameters = [p.name.text for p in self.statement.parameters]
        self.states[name] = formulas.width(state.width, parameters, self.constants)

    def read(self) -> None:
        """The equations; a wrong one is there all the same, so that what reads it is not called wrong too."""
        scope = formulas.Scope(self.statement, self.constants)
        for line in self.statement.equations:
            found = Equation(line.name.text, formulas.UNKNOWN)
            with self.problems.collected():
                self.assignable(line)
                found = formulas.equation(line, scope)
            self.equations.setdefault(line.name.text, found)
            scope.assigned.add(line.name.text)

    def assignable(self, line: ast.Equation) -> None:
        name = line.name.text
        _free(line.name)
        if name in self.equations:
            what = "state" if name in self.states else "value"
            raise error(
                "twice",
                f"the {what} `{name}` is computed twice",
                line.name.span,
                help="a second value needs a name of its own",
            )
        if name in self.names and name not in self.states:
            raise error("twice", f"`{name}` is a parameter of the cell already", line.name.span)

    def output(self) -> str:
        """The name behind `output`."""
        results = self.statement.results
        if not results:
            raise error(
                "cell",
                f"the cell `{self.statement.name.text}` has no output",
                self.statement.name.span,
                help=f"`output {next(reversed(self.equations), 'h')}` says what the next layer reads",
            )
        if len(results) > 1:
            raise error("twice", "a cell has one output", results[1].span)
        name = results[0].name
        known = [*self.equations, *self.states]
        if name.text not in known:
            raise error(
                "unknown-name",
                f"`{name.text}` is no state and no value of this cell",
                name.span,
                help=meant(name.text, known, "its equation stands above: `y = …`"),
            )
        return name.text

    def remembered(self, state: ast.State) -> None:
        if state.name.text not in self.equations:
            raise error(
                "cell",
                f"the state `{state.name.text}` has no equation",
                state.span,
                help=f"a line `{state.name.text} = …` says what it is after a step",
            )

    def all_read(self, output: str) -> None:
        """Raise NetError for an equation that no output depends on, at this step or a later one."""
        needed, waiting = set[str](), [output]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                read = _reads(self.equations[name])
                waiting += [n for n in self.equations if n in read or before(n) in read]
        for line in self.statement.equations:
            if line.name.text not in needed:
                with self.problems.collected():
                    raise error("unread", f"nothing reads `{line.name.text}`", line.name.span)
        if not any(INPUT in _reads(self.equations[name]) for name in needed):
            raise error(
                "unread",
                f"no equation of `{self.statement.name.text}` reads `{INPUT}`, the step of the sequence",
                self.statement.name.span,
                help=f"as in `W[{INPUT}, {next(iter(self.states))}]`",
            )


def _reads(equation: Equation) -> tuple[str, ...]:
    """The names that an equation reads."""
    return names(equation.term, *(operand for owned in equation.owned for operand in owned.operands))


def _free(name: ast.Name) -> None:
    """Raise NetError unless a state, value or parameter may be called so."""
    if name.text in MEANING:
        raise error(
            "reserved", f"in a cell `{name.text}` stands for {MEANING[name.text]}, and cannot be a name", name.span
        )
    words.free(name)


def _free_setting(name: ast.Name) -> None:
    """Raise NetError for a parameter that is called like something every layer has."""
    settings = {*dir(Recurrent), *DIRECTIONS, *SUFFIXES, "init", *shared.WORDS, shared.TRANSPOSED}
    if name.text in settings or keyword.iskeyword(name.text) or not name.text.isidentifier():
        raise error(
            "reserved",
            f"`{name.text}` means something for every layer, and cannot be a parameter",
            name.span,
            help=f"for example `my_{name.text}`",
        )
