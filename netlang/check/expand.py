"""Lines to steps in their places: words looked up, settings read, blocks, groups and repeats written out."""

from collections.abc import Iterable
from dataclasses import field, replace

from netlang.check import blocks, outputs, place, shared, words
from netlang.check.problems import Problems, limit
from netlang.check.scope import Known, Labelled, Labels, Place
from netlang.check.tree import Op, Promise, Steps
from netlang.check.values import NO_COPY, Copy, integer
from netlang.diagnostics import error
from netlang.layer import Layer
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast

MOST = 20_000  # layers and copies of one net
DEEPEST = 40  # uses of blocks within one another, and brackets in them


@dataclass
class Expansion:
    """The steps of a net as they come. placed: layers and copies so far; depth: of brackets and uses of blocks."""

    problems: Problems
    steps: Steps = field(default_factory=Steps)
    placed: int = 0
    depth: int = 0

    def line(self, line: ast.Line, current: Op, here: Place, *, file: bool = False) -> Op:
        """The steps of a line, and the shape it promises; an `output` at its end. file: whether it may have one."""
        items = line.chain.items
        ending = items[-1] if file and outputs.ends(items[-1]) else None
        op = self.items(items[:-1] if ending else items, current, here)
        if ending is not None:
            with self.problems.collected():
                self.steps.outputs.append(outputs.read(ending, op, here.names, self.steps.outputs))
        if line.shape is not None:
            self.steps.items.append(Promise(line.shape, op, here.names, here.inside))
        return op

    def items(self, items: Iterable[ast.Item], current: Op, here: Place) -> Op:
        """The steps of a chain in one copy; the last one."""
        for item in items:
            current = self.item(item, current, here)
        return current

    def item(self, item: ast.Item, current: Op, here: Place) -> Op:
        """All copies of one item; the last one, which its label names."""
        if isinstance(item.what, ast.Reference):
            return self.reference(item, item.what, here)
        if item.label is not None:
            with self.problems.collected(here.inside):
                words.free_for_tensor(item.label)
        start = len(self.steps.items)
        if item.repeat is None:
            current = self.once(item, current, here, "", last=True)
        else:
            times = 1
            with self.problems.collected(here.inside):
                times = self.times(item.repeat, here)
            current, start = self.copies(item, item.repeat, times, current, here)
        if item.label is not None:
            made = tuple(op for op in self.steps.items[start:] if isinstance(op, Op))
            what = item.what.word.text if isinstance(item.what, ast.Step) else ""
            with self.problems.collected(here.inside):
                here.labels.define(item.label, Labelled(current, item.label.span, made, what))
        return current

    def reference(self, item: ast.Item, reference: ast.Reference, here: Place) -> Op:
        """`@a` as a step."""
        with self.problems.collected(here.inside):
            if item.repeat is not None:
                raise error(
                    "repeat",
                    "a labelled tensor cannot be repeated",
                    item.repeat.span,
                    help="repeat the steps behind it",
                )
            if item.label is not None:
                raise error(
                    "twice",
                    f"`@{reference.name.text}` is a label already",
                    item.label.span,
                    help="a label stands behind a step",
                )
            return here.labels.look_up(reference.name.text, reference.span, here.lines).op
        return self.unknown(reference.span)

    def unknown(self, span: Span) -> Op:
        """A tensor of which nothing is known, in place of one that is wrong."""
        op = Op(None, span, span, readers=[None])
        self.steps.items.append(op)
        return op

    def times(self, repeat: ast.Repeat, here: Place) -> int:
        """How many copies a repeat asks for."""
        times = integer(repeat.times, here.names, here.copy)
        if times < 0:
            raise error(
                "repeat", f"a repeat of {times} copies is none", repeat.times.span, help="`x(0)` removes a step"
            )
        return times

    def copies(self, item: ast.Item, repeat: ast.Repeat, times: int, current: Op, here: Place) -> tuple[Op, int]:
        """The last of the copies, and where its steps start."""
        start = len(self.steps.items)
        for index in range(times):
            if self.placed >= MOST:
                raise limit(f"this makes more than {MOST:,} layers and copies", repeat.span)
            start = len(self.steps.items)
            told = len(self.problems.errors)
            copy = f"copy {index + 1} of {times}"
            inner = replace(here, copy=Copy(index, times), labels=Labels(here.labels))
            current = self.once(item, current, inner, copy, last=index == times - 1)
            self.placed += 1  # copies of nothing take time too
            if index and current.what is None and told == len(self.problems.errors):
                break  # wrong again, and nothing new to tell
        return current, start

    def once(self, item: ast.Item, current: Op, here: Place, copy: str, *, last: bool) -> Op:
        """One copy of a step or group. copy: which one, for messages; last: whether the label is its."""
        what = item.what
        around = here
        if copy:
            at = item.repeat.span if item.repeat else what.span
            around = replace(here, inside=(f"{copy}, from {at}", *here.inside))
        self.depth += 1
        try:
            with self.problems.collected(around.inside):
                if isinstance(what, ast.Group):
                    return self.group(what, current, around)
                assert isinstance(what, ast.Step)
                label = item.label.text if item.label is not None and last else None
                return self.step(what, current, here, around, copy, label)
        finally:
            self.depth -= 1
        return self.unknown(what.span)

    def group(self, group: ast.Group, current: Op, here: Place) -> Op:
        """The steps of `[a, b]`."""
        if len(group.branches) > 1:
            raise error(
                "branches",
                "branches need a word in front that says how they are merged",
                Span(group.span.source, group.span.start, group.span.start + 1),
                help="for example `concat[ a | b ]`",
            )
        if not group.branches[0].items:
            raise error("branches", "this group is empty", group.span)
        return self.items(group.branches[0].items, current, here)

    def step(self, step: ast.Step, current: Op, here: Place, around: Place, copy: str, label: str | None) -> Op:
        """One layer, merge or use of a block. around: `here` with the copy in it; label: what the step is called."""
        self.placed += 1
        if self.placed > MOST:
            raise limit(f"this makes more than {MOST:,} layers and copies", step.span)
        step = _hyphenated(step)
        if outputs.named(step):
            raise outputs.misplaced(step)
        if (block := here.scope.block(step.word)) is not None:
            return self.block(step, block, current, here, copy, label)
        if (own := here.scope.cell(step.word)) is not None and own.layer is None:
            return self.unknown(step.span)  # the cell is wrong, which has been said
        cls, kernel = (own.layer, None) if own and own.layer else words.split(step.word, here.scope.steps())
        if cls.merge:
            return self.fork(cls, step, kernel, current, around, label)
        if step.branches is not None:
            raise error(
                "branches",
                f"`{step.word.text}` does not merge branches",
                step.word.span,
                help=f"a group after it needs a comma: `{step.word.text}, [ … ]`",
            )
        op = place.placed(cls, step, kernel, around, label)
        _read(current, op)
        op.inputs.insert(0, current)
        self.steps.items.append(op)
        return op

    def fork(
        self, cls: type[Layer], step: ast.Step, kernel: words.Kernel, current: Op, here: Place, label: str | None
    ) -> Op:
        """A merge and its branches."""
        if step.branches is None:
            near = words.joined(step.word)
            raise error(
                "branches",
                f"`{cls.word}` merges branches, and there are none",
                step.word.span,
                help=f"did you mean `{near}`?" if near else f"write `{cls.word}[ … | … ]`",
            )
        op = Op(None, step.span, step.word.span, inside=here.inside)
        with self.problems.collected(here.inside):
            op = place.merge(cls, step, kernel, here, label)
        for number, branch in enumerate(step.branches, 1):
            if not branch.items:
                op.what = None  # its shape is unknown
                with self.problems.collected(here.inside):
                    raise error(
                        "branches",
                        f"branch {number} of `{cls.word}` is empty",
                        step.word.span,
                        help="a branch that passes the tensor on is `identity`",
                    )
                continue
            end = self.items(branch.items, current, here)
            _read(end, op)
            op.inputs.append(end)
        if cls.skips:
            op.skipped = current
            current.skips += 1
        self.steps.items.append(op)
        return op

    def block(self, step: ast.Step, known: Known, current: Op, here: Place, copy: str, label: str | None) -> Op:
        """A use of a block: its lines, with the arguments in place of its parameters."""
        block = known.block
        if self.depth > DEEPEST:
            raise limit(f"more than {DEEPEST} blocks and brackets within one another", step.word.span)
        use = blocks.use(step, known, here)
        path = here.called(block.name.text, label)
        self.steps.calls[path] = step.span
        where = ", ".join(part for part in (use.text, copy, f"from {step.span}") if part)
        inner = Place(
            known.home,
            use.names,
            Labels(known=dict(use.labels)),
            NO_COPY,
            path,
            inside=(where, *here.inside),
            said={**here.said, **shared.below(use.said, len(path))},
            lines=block.lines,
        )
        start = len(self.steps.items)
        end = current
        for line in block.lines:
            end = self.line(line, end, inner)
        if tie := use.said.get(shared.TIE):
            place.tie_all(self.steps.items[start:], tie, block.name.text, here.labelled(tie.value.label, step))
        return end


def _read(op: Op, by: Op) -> None:
    op.readers.append(by)


def _hyphenated(step: ast.Step) -> ast.Step:
    """`soft-max` is read as the word `soft` of width `max`; as a whole it may be a layer's name."""
    if not isinstance(step.width, ast.Word):
        return step
    whole = f"{step.word.text}-{step.width.text}"
    if whole.lower() not in words.names():
        return step
    return replace(step, word=ast.Name(whole, step.word.span.to(step.width.span)), width=None)
