"""The text of a group of lines of a recurrence: its products, then its formulas, for some units of some examples."""

from collections.abc import Mapping
from itertools import groupby

from netlang.formula import Name, Number, Term, text
from netlang.primitives.scan.op import Given, Line, Scan
from netlang.primitives.scan.phases import Bundle, Group, Tiling, renamed
from netlang.primitives.text import Geometry, indented
from netlang.record import dataclass


@dataclass(frozen=True)
class Places:
    """Where things lie. names: of states and kept values in the text; table: bytes before the products' results."""

    names: Mapping[str, str]
    table: int
    geometry: Geometry


def group_text(scan: Scan, k: int, group: Group, tiles: Tiling, places: Places) -> list[str]:
    """The k-th group: a loop over its tasks."""
    return _Group(scan, k, group, tiles, places).lines()


class _Group:
    def __init__(self, scan: Scan, k: int, group: Group, tiles: Tiling, places: Places) -> None:
        self.scan, self.k, self.group, self.tiles, self.names = scan, k, group, tiles, places.names
        self.g = places.geometry
        self.given: dict[str, Given] = {given.name: given for given in scan.given}
        self.shared = {shared.name: shared for shared in scan.shared}
        self.states = {state.name for state in scan.states}
        self.out: dict[Bundle, str] = {}
        at = places.table
        for bundle in group.bundles:
            self.out[bundle] = f"own + {at}"
            at += tiles.tiles(bundle) * tiles.rows * tiles.vectors * self.g.vector

    def lines(self) -> list[str]:
        """One task after the other: the columns of units first, so that packed columns are read again while near.

        Every other step goes the other way, and begins with the matrices that the one before has read last.
        """
        k, units = self.k, self.tiles.units
        body = ["task = item // blocks", *self._block()]
        for b, bundle in enumerate(self.group.bundles):
            body += self._products(b, bundle)
        body += [
            "for q in range(min_i64(rows, high - top)):",
            "    n = top + q",
            f"    for unit in range(min_i64({units}, wide{k} - task * {units})):",
            f"        u = task * {units} + unit",
            *indented(self._masked(), 2),
        ]
        return [
            *self._blocks(),
            f"start, stop = split((wide{k} + {units - 1}) // {units} * blocks, part, parts)",
            "for nth in range(start, stop):",
            "    item = nth if odd == 0 else start + stop - 1 - nth",
            *indented(body),
        ]

    def _blocks(self) -> list[str]:
        """The tiles of a column, as `phases.blocks` counts them."""
        rows, short = self.tiles.rows, self.tiles.short
        if not short:
            return [f"blocks = (high - low + {rows - 1}) // {rows}", f"rows = {rows}"]
        return [
            f"rest = high - low - (high - low) // {rows} * {rows}",
            f"lower = 1 if rest > 0 and rest <= {short} else 0",
            f"if lower == 1 and high - low > {rows} and rest <= {2 * short - rows}:",
            "    lower = 2",
            f"tall = (max_i64(0, high - low - lower * {short}) + {rows - 1}) // {rows}",
            "blocks = tall + lower",
        ]

    def _block(self) -> list[str]:
        """Where a tile begins, how many rows it has, and who multiplies it."""
        k, rows, short = self.k, self.tiles.rows, self.tiles.short
        lines = [f"top = low + (item - task * blocks) * {rows}"]
        if not short:
            return [*lines, *([f"product = product{k}"] if self.group.bundles else [])]
        return [
            *lines,
            f"rows, product = {rows}, product{k}",
            "if item - task * blocks >= tall:",
            f"    top -= (item - task * blocks - tall) * {rows - short}",
            f"    rows, product = {short}, short{k}",
        ]

    def _products(self, b: int, bundle: Bundle) -> list[str]:
        """A call for each run of segments that are equally long, and for each tile of a task's vectors."""
        k, tiles, g = self.k, self.tiles, self.g
        vectors = len(bundle.lines) * tiles.units
        height = " + ".join(f"rows{k}_{b}_{s}" for s in range(len(bundle.values)))
        lines = [f"pack = pack{k}_{b} + task * ({height}) * {vectors * g.vector}"]
        runs = [
            list(run) for _, run in groupby(range(len(bundle.values)), lambda s: self.scan.widths[bundle.values[s]])
        ]
        for run in runs:
            for c in range(tiles.tiles(bundle)):
                lines += self._call(b, bundle, run, c, vectors)
            lines.append(f"pack += {len(run)} * rows{k}_{b}_{run[0]} * {vectors * g.vector}")
        return lines

    def _call(self, b: int, bundle: Bundle, run: list[int], c: int, vectors: int) -> list[str]:
        k, tiles, g = self.k, self.tiles, self.g
        entry = f"(rows + {tiles.vectors})"
        lines = []
        for at, s in enumerate(run):
            lines += [
                "for q in range(rows):",
                "    n = min_i64(top + q, high - 1)",
                f"    store_i64(own + 8 * ({at} * {entry} + q), {self._row(bundle.values[s])})",
            ]
            first = f"pack + {at} * rows{k}_{b}_{s} * {vectors * g.vector}"
            for v in range(tiles.vectors):
                which = min(c * tiles.vectors + v, vectors - 1)
                lines.append(f"store_i64(own + 8 * ({at} * {entry} + rows + {v}), {first} + {which * g.vector})")
        out = f"{self.out[bundle]} + {c * tiles.rows * tiles.vectors * g.vector}"
        sizes = f"{len(run)}, rows{k}_{b}_{run[0]}, {g.size}, {vectors * g.vector}"
        return [*lines, f"call_product(product, own, {sizes}, {out}, {int(run[0] == 0)})"]

    def _row(self, value: str) -> str:
        """The address of a value that products multiply, of the example n."""
        if value in self.given:
            return self._sequence(self.given[value])
        where = f"{self.names[value]}_now" if value in self.states else self.names[value]
        return f"{where} + n * {-(-self.scan.widths[value] // 16) * self.g.vector}"

    def _sequence(self, given: Given) -> str:
        shift = f" + {given.shift}" if given.shift else ""
        k = given.operand
        place = f"(n * steps + t{shift})" if given.only is None else "n"
        return f"i{k} + ({place} * row{k} + {given.start // 16}) * {self.g.vector}"

    def _masked(self) -> list[str]:
        """The formulas; behind the end of an example zeros in their place."""
        if self.scan.lengths is None:
            return self._formulas()
        g = self.g
        zeros = [said for line in self.group.lines for said in self._stores(line, f"splat_{g.dtype}(0.0)")]
        ends = f"load_whole_{g.dtype}(i{self.scan.lengths} + n * {g.vector})"
        return [f"if t < {ends}:", *indented(self._formulas()), *(["else:", *indented(zeros)] if zeros else [])]

    def _formulas(self) -> list[str]:
        """What is read, the formulas over it, and what is stored."""
        own = {line.name for line in self.group.formulas}
        read = dict.fromkeys(name for line in self.group.formulas for name in line.reads if name not in own)
        read.update(dict.fromkeys(line.name for line in self.group.lines if line.term is None and self._stored(line)))
        lines: list[str] = []
        given: dict[str, str] = {}
        for q, name in enumerate(read):
            given[name] = f"r{q}"
            lines += self._loaded(name, f"r{q}")
        terms, local = renamed(self.group.formulas, given, f"g{self.k}v")
        lines += text("vector", terms, *terms.values(), dtype=self.g.dtype) if terms else []
        for line in self.group.lines:
            if self._stored(line):
                lines += [f"value = {self._said(local[line.name])}", *self._stores(line, "value")]
        return lines

    def _stores(self, line: Line, value: str) -> list[str]:
        """A line's value to all its places; a large result past the caches."""
        stores = {to: f"store_{self.g.dtype}({to}, {value})" for to in self._stored(line)}
        put = [to for to in stores if to.startswith("y ")]
        near = [said for to, said in stores.items() if to not in put]
        past = [stores[to].replace("store", "stream", 1) for to in put]
        beside = ["if far != 0:", *indented(past), "else:", *indented([stores[to] for to in put])]
        return [*near, *(beside if put else [])]

    def _said(self, term: Term) -> str:
        """A value as it is stored: zero in the lanes behind its last unit."""
        dtype = self.g.dtype
        assert isinstance(term, Name | Number)
        value = f"splat_{dtype}({term.value!r})" if isinstance(term, Number) else term.name
        return f"head_{dtype}({value}, width{self.k} - u * 16)" if self.group.width % 16 else value

    def _stored(self, line: Line) -> list[str]:
        """The addresses a line's value goes to."""
        vector = self.g.vector
        unit = f"(n * wide{self.k} + u) * {vector}"
        found = [
            f"y + ((n * steps + t) * columns + out{k} + u) * {vector}"
            for k, name in enumerate(self.scan.starts)
            if name == line.name
        ]
        found += [f"{self.names[s.name]}_next + {unit}" for s in self.scan.states if s.value == line.name]
        if line.name in self.names:
            found.append(f"{self.names[line.name]} + {unit}")
        return found

    def _loaded(self, name: str, into: str) -> list[str]:
        g = self.g
        load = f"{into} = load_{g.dtype}"
        for bundle in self.group.bundles:
            if name in (line.name for line in bundle.lines):
                return [f"{load}({self._result(bundle, [line.name for line in bundle.lines].index(name))})"]
        if name in self.shared:
            shared = self.shared[name]
            return [f"{load}(i{shared.operand} + ({shared.start // 16} + u) * {g.vector})"]
        if name in self.given:
            given = self.given[name]
            found = f"{load}({self._sequence(given)} + u * {g.vector})"
            if not given.shift and given.only is None:
                return [found]
            beyond = f"if t + {given.shift} < 0 or t + {given.shift} >= steps:"
            if given.only is not None:
                beyond = f"if t != only{given.operand}:"
            return [beyond, f"    {into} = splat_{g.dtype}(0.0)", "else:", f"    {found}"]
        where = f"{self.names[name]}_now" if name in self.states else self.names[name]
        return [f"{load}({where} + (n * wide{self.k} + u) * {g.vector})"]

    def _result(self, bundle: Bundle, line: int) -> str:
        """Where a product's result lies: tile by tile, row by row."""
        tiles, g = self.tiles, self.g
        if tiles.tiles(bundle) == 1:
            at = f"q * {tiles.vectors} + unit * {len(bundle.lines)} + {line}"
        else:
            v = f"(unit * {len(bundle.lines)} + {line})"
            at = f"({v} // {tiles.vectors} * {tiles.rows} + q) * {tiles.vectors} + {v} % {tiles.vectors}"
        return f"{self.out[bundle]} + ({at}) * {g.vector}"
