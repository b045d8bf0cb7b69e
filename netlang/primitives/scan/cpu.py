"""Recurrences on the CPU: one launch, in which all threads wait for each other where a step needs whole values.

The columns of the matrices are packed once, so that a tile finds those of its units beside each other, k after k: each
thread reads the same part in every step, out of its own cache. A task is some columns of 16 units for some examples;
its products go to the thread's scratch, and the formulas read them there. States and what products multiply lie in
the shared scratch, without the other values of the joined result between them; a state has two places, one to read and
one to write.
"""

from netlang.primitives.launch import LANES, Address, Argument, Draft, Operand, Target, drafts
from netlang.primitives.launch import Product as Function
from netlang.primitives.scan.op import Piece, Scan
from netlang.primitives.scan.op import Product as Matrix
from netlang.primitives.scan.phases import Group, Tiling, groups, kept, near, tiling
from netlang.primitives.scan.step import Places, group_text
from netlang.primitives.text import FAR, Arguments, Geometry, drafted, indented, over_positions

WAIT = ["barrier(team, thread)", "if stopped(team):", "    return"]
TOGETHER = ["if alone == 0:", *indented(WAIT)]
MANY, UNEVEN = 8, 1.25  # examples that make a tile; how much longer than the others a thread may work


@drafts("cpu", Scan)
def scan_draft(primitive: Scan, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a recurrence. All sizes are arguments: the text is the same where the tiles are."""
    assert result.lanes == "c", "a sequence has its channels in the lanes"
    g = Geometry(result.type, "c")
    alone = _alone(primitive, batch, g, target)
    count = -(-batch // target.threads) if alone else batch
    parts = tuple((group, tiling(group, target, count, alone=alone)) for group in groups(primitive))
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), steps=g.places, columns=g.columns)
    arguments.add(**_operands(primitive, inputs))
    memory = _Memory(primitive, parts, g, batch)
    arguments.add(**memory.offsets, alone=int(alone), far=int(memory.result >= far_from(target)))
    packing, loop = [], list[str]()
    for k, (group, tiles) in enumerate(parts):
        arguments.add(**_sizes(k, group, tiles, g, primitive))
        packing += _packed(k, group, tiles, g)
        if k and group.phase != parts[k - 1][0].phase:
            loop += TOGETHER
        loop += group_text(primitive, k, group, tiles, Places(memory.names, memory.tables[k], g))
    products = any(group.bundles for group, _ in parts)
    lines = [
        f"own = {arguments.own()}",
        f"together = {arguments.shared()}",
        *(f"{name} = {name} + together" for name in memory.offsets if not name.startswith("half")),
        "count = examples(team)",
        *packing,
        *memory.zeroed(),
        *WAIT,
        *_share(max(tiles.short or tiles.rows for _, tiles in parts)),
        "for k in range(steps):",
        f"    t = {'steps - 1 - k' if primitive.reverse else 'k'}",
        *indented(memory.turned()),
        *indented(loop),
        *(indented(TOGETHER) if products else []),
    ]
    return drafted("scan", arguments, lines, (max(memory.own, default=0), memory.bytes))


def _operands(scan: Scan, inputs: tuple[Operand, ...]) -> dict[str, Argument]:
    """Where operands lie, the vectors of a row, the only place at which one is read; and what is put out where."""
    found: dict[str, Argument] = {}
    for k, operand in enumerate(inputs):
        found |= {f"i{k}": Address(operand.buffer), f"row{k}": Geometry(operand.type, operand.lanes).columns}
    found |= {f"only{given.operand}": given.only for given in scan.given if given.only is not None}
    return found | {f"out{k}": start // LANES for k, start in enumerate(scan.starts.values())}


def _alone(scan: Scan, batch: int, g: Geometry, target: Target) -> bool:
    """Whether each thread takes some of the examples through all steps, and waits for nobody.

    It then reads all matrices in every step; and the examples must be enough for all threads.
    """
    blocks = -(-batch // MANY)
    rounds = -(-blocks // target.threads)
    return near(scan, g.dtype) and rounds * target.threads <= UNEVEN * blocks


def far_from(target: Target) -> int:
    """Bytes from which a result is written past the caches.

    Where the third is slow, lines of a result that lie apart wait for it each: there it pays as soon as the result
    fills half of the second caches.
    """
    return target.near * target.threads // 2 if target.slow_caches else FAR


def _share(rows: int) -> list[str]:
    """The examples of a thread, all or some whole tiles of so many rows, and which part of their units is its own."""
    return [
        "low, high, part, parts = 0, count, thread, threads(team)",
        "if alone != 0:",
        f"    low, high = split((count + {rows - 1}) // {rows}, thread, threads(team))",
        f"    low, high = low * {rows}, min_i64(high * {rows}, count)",
        "    part, parts = 0, 1",
    ]


class _Memory:
    """Where everything lies in the scratch.

    offsets: arguments, bytes from the start of the shared scratch: states, values that are kept, packed matrices
    names: what the text calls the place of a state or a value
    result: bytes of all that is put out
    tables, own: of each group, the bytes of its table of addresses, and of all of its own scratch
    """

    def __init__(self, scan: Scan, parts: tuple[tuple[Group, Tiling], ...], g: Geometry, batch: int) -> None:
        self.scan, self.g = scan, g
        self.result = batch * g.places * g.columns * g.vector
        self.offsets: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.tables: list[int] = []
        self.own: list[int] = []
        self.bytes = 0
        for k, state in enumerate(scan.states):
            half = batch * -(-state.width // LANES) * g.vector
            self._take(f"state{k}", 2 * half)
            self.offsets[f"half{k}"] = half
            self.names[state.name] = f"state{k}"
        for k, name in enumerate(kept(scan)):
            self._take(f"kept{k}", batch * -(-scan.widths[name] // LANES) * g.vector)
            self.names[name] = f"kept{k}"
        for k, (group, tiles) in enumerate(parts):
            self._group(k, group, tiles)

    def _take(self, name: str, size: int) -> None:
        self.offsets[name] = self.bytes
        self.bytes += size

    def _group(self, k: int, group: Group, tiles: Tiling) -> None:
        tasks = -(-group.columns // tiles.units)
        for b, bundle in enumerate(group.bundles):
            rows = sum(self.scan.widths[value] for value in bundle.values)
            self._take(f"pack{k}_{b}", tasks * rows * len(bundle.lines) * tiles.units * self.g.vector)
        segments = max((len(bundle.values) for bundle in group.bundles), default=0)
        table = -(-8 * segments * (tiles.rows + tiles.vectors) // 64) * 64
        out = sum(tiles.tiles(bundle) for bundle in group.bundles) * tiles.rows * tiles.vectors * self.g.vector
        self.tables.append(table)
        self.own.append(table + out)

    def zeroed(self) -> list[str]:
        """States are zero before the first step."""
        lines = []
        for k in range(len(self.scan.states)):
            lines += [
                f"start, stop = split(half{k} // {self.g.vector}, thread, threads(team))",
                "for q in range(start, stop):",
                f"    store_{self.g.dtype}(state{k} + q * {self.g.vector}, splat_{self.g.dtype}(0.0))",
            ]
        return lines

    def turned(self) -> list[str]:
        """Which place of a state is read in this step, and which is written; and which way tasks go."""
        lines = ["odd = k - k // 2 * 2"]
        for k in range(len(self.scan.states)):
            lines += [f"state{k}_now = state{k} + odd * half{k}", f"state{k}_next = state{k} + (1 - odd) * half{k}"]
        return lines


def _sizes(k: int, group: Group, tiles: Tiling, g: Geometry, scan: Scan) -> dict[str, int | Function]:
    """The arguments of a group: its width, its product, and which part of its matrix each product reads."""
    found: dict[str, int | Function] = {f"width{k}": group.width, f"wide{k}": group.columns}
    if group.bundles:
        found[f"product{k}"] = Function(f"spread_{g.dtype}_{tiles.rows}x{tiles.vectors}")
        if tiles.short:
            found[f"short{k}"] = Function(f"spread_{g.dtype}_{tiles.short}x{tiles.vectors}")
    for b, bundle in enumerate(group.bundles):
        for s, value in enumerate(bundle.values):
            found[f"rows{k}_{b}_{s}"] = scan.widths[value]
            for q, line in enumerate(bundle.lines):
                product = line.products[s]
                found[f"row{k}_{b}_{s}_{q}"] = product.row
                found[f"column{k}_{b}_{s}_{q}"] = product.column // (1 if product.turned else LANES)
    return found


def _packed(k: int, group: Group, tiles: Tiling, g: Geometry) -> list[str]:
    """Columns of the matrices, those of a task together: pack[task, segment, row, unit column, line, 16]."""
    if not group.bundles:
        return []
    lines = []
    for b, bundle in enumerate(group.bundles):
        vectors = len(bundle.lines) * tiles.units
        height = " + ".join(f"rows{k}_{b}_{s}" for s in range(len(bundle.values)))
        lines += [f"to = pack{k}_{b} + task * ({height}) * {vectors * g.vector}"]
        for s in range(len(bundle.values)):
            for q, line in enumerate(bundle.lines):
                lines += [
                    f"for unit in range({tiles.units}):",
                    f"    u = min_i64(task * {tiles.units} + unit, wide{k} - 1)",
                    f"    into = to + (unit * {len(bundle.lines)} + {q}) * {g.vector}",
                    *indented(_column(f"{k}_{b}_{s}", q, line.products[s], vectors, g)),
                ]
            lines.append(f"to += rows{k}_{b}_{s} * {vectors * g.vector}")
    tasks = f"(wide{k} + {tiles.units - 1}) // {tiles.units}"
    return [f"start, stop = split({tasks}, thread, threads(team))", "for task in range(start, stop):", *indented(lines)]


def _column(segment: str, q: int, product: Matrix, vectors: int, g: Geometry) -> list[str]:
    """Column u of one matrix, row after row, to `into`; of a transposed one squares of 16 by 16."""
    w, row, column = f"i{product.operand}", f"row{segment}_{q}", f"column{segment}_{q}"
    pitch, step = f"row{product.operand} * {g.vector}", vectors * g.vector
    if product.turned:
        return [
            f"at = {w} + ({column} + u * 16) * {pitch} + {row} * {g.size}",
            f"for r in range(0, rows{segment}, 16):",
            f"    transpose_{g.dtype}(into + r * {step}, {step}, at + r * {g.size}, {pitch})",
        ]
    return [
        f"at = {w} + {row} * {pitch} + ({column} + u) * {g.vector}",
        f"for r in range(rows{segment}):",
        f"    store_{g.dtype}(into + r * {step}, load_{g.dtype}(at + r * {pitch}))",
    ]


@drafts("cpu", Piece)
def piece_draft(primitive: Piece, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Some whole vectors of every place, or of the place before or behind it."""
    g = Geometry(result.type, "c")
    assert primitive.start % LANES == 0, "values of a scan begin at whole vectors"
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(inputs[0].buffer), places=g.places, columns=g.columns)
    arguments.add(row=Geometry(inputs[0].type, "c").columns, skip=primitive.start // LANES, shift=primitive.shift)
    arguments.add(channels=g.channels)
    body = [
        f"to = y + position * columns * {g.vector}",
        f"at = x + ((position + shift) * row + skip) * {g.vector}",
        "if place + shift < 0 or place + shift >= places:",
        "    for column in range(columns):",
        f"        store_{g.dtype}(to + column * {g.vector}, splat_{g.dtype}(0.0))",
        "else:",
        "    for column in range(columns):",
        f"        seen = head_{g.dtype}(load_{g.dtype}(at + column * {g.vector}), channels - column * 16)",
        f"        store_{g.dtype}(to + column * {g.vector}, seen)",
    ]
    lines = [f"start, stop = split({g.images} * places, thread, threads(team))", *over_positions(body, images=True)]
    return drafted("piece", arguments, lines)
