"""Lines to layers in their places: words looked up, settings read, repeats written out."""

from dataclasses import dataclass, field, replace

from netlang.check import values, words
from netlang.check.problems import Problems, not_yet
from netlang.check.settings import Scope, Settings, hints
from netlang.check.tree import Activation, Checked, Fork, Placed, Steps
from netlang.check.values import NO_COPY, Copy, Value
from netlang.diagnostics import NetError, error
from netlang.layer import Layer
from netlang.source import Span
from netlang.syntax import ast

MOST = 20_000  # layers and copies of one net


@dataclass
class Expansion:
    """One file's layers. inside: the repeats around the step at hand, innermost first."""

    constants: dict[str, Value]
    problems: Problems
    placed: int = 0
    inside: tuple[str, ...] = field(default=())

    def line(self, line: ast.Line) -> Steps:
        """The steps of a line, and the shape it promises."""
        steps = self.chain(line.chain, NO_COPY)
        return (*steps, Checked(line.shape)) if line.shape else steps

    def chain(self, chain: ast.Chain, copy: Copy) -> Steps:
        """The steps of a chain in one copy."""
        done: Steps = ()
        for item in chain.items:
            done += self.item(item, copy)
        return done

    def item(self, item: ast.Item, copy: Copy) -> Steps:
        """All copies of one item; after an error, a layer of unknown output in its place."""
        if item.label is not None:
            with self.problems.collected():
                raise not_yet("labels", item.label.span)
        if item.repeat is None:
            return self.once(item.what, copy)
        times = 1
        with self.problems.collected():
            times = self.times(item.repeat, copy)
        return self._copies(item, times)

    def times(self, repeat: ast.Repeat, copy: Copy) -> int:
        """How many copies a repeat asks for."""
        times = values.integer(repeat.times, self.constants, copy)
        if times < 0:
            raise error(
                "repeat", f"a repeat of {times} copies is none", repeat.times.span, help="`x(0)` removes a step"
            )
        return times

    def _copies(self, item: ast.Item, times: int) -> Steps:
        assert item.repeat is not None
        outer = self.inside
        done: Steps = ()
        for index in range(times):
            self.inside = (f"copy {index + 1} of {times}, from {item.repeat.span}", *outer)
            done += self.once(item.what, Copy(index, times))
            self.placed += 1  # copies of nothing take time too
            if self.placed > MOST:
                self.inside = outer
                raise error("too-many", f"this makes more than {MOST:,} layers and copies", item.repeat.span)
        self.inside = outer
        return done

    def once(self, what: ast.Step | ast.Group | ast.Reference, copy: Copy) -> Steps:
        """One copy of a step or group."""
        with self.problems.collected(self.inside):
            match what:
                case ast.Group():
                    return self.group(what, copy)
                case ast.Reference():
                    raise not_yet("steps that name a labelled tensor", what.span)
                case ast.Step():
                    return (self.step(what, copy),)
        return (Placed(None, None, what.span, {}),)

    def group(self, group: ast.Group, copy: Copy) -> Steps:
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
        return self.chain(group.branches[0], copy)

    def step(self, step: ast.Step, copy: Copy) -> Placed | Fork:
        """One layer, or a merge with its branches."""
        self.placed += 1
        step = _hyphenated(step)
        if step.word.text.lower() == "output":
            raise not_yet("`output`", step.word.span)
        cls, kernel = words.split(step.word)
        if cls.merge:
            return self.fork(cls, step, kernel, copy)
        if step.branches is not None:
            raise error(
                "branches",
                f"`{step.word.text}` does not merge branches",
                step.word.span,
                help=f"a group after it needs a comma: `{step.word.text}, [ … ]`",
            )
        return self.placement(cls, step, kernel, copy)

    def placement(self, cls: type[Layer], step: ast.Step, kernel: words.Kernel, copy: Copy) -> Placed:
        """The layer of a step, with its settings."""
        settings = Settings(cls, step.word, Scope(self.constants, copy), activations=cls.activated)
        problems = Problems()
        with problems.collected():
            self._suffixes(settings, step, kernel)
        for option in _options(step.options, settings.word):
            with problems.collected():
                settings.take(option)
        if problems.errors:
            raise NetError(*problems.errors)
        word = Span(step.span.source, step.word.span.start, step.word.span.end)
        return Placed(settings.layer(), settings.activation, word, settings.at, self.inside)

    def _suffixes(self, settings: Settings, step: ast.Step, kernel: words.Kernel) -> None:
        """`kernel`, `-width` and `/stride`, for layers that have them."""
        takes, word = hints(settings.cls), step.word
        written = {"kernel": kernel, "width": step.width, "stride": step.stride}
        for name, value in written.items():
            if value is None:
                continue
            if name not in takes:
                raise error(
                    "suffix", f"`{settings.cls.word}` takes no {name}", value.span, help=_instead(name, step, takes)
                )
            if name == "width" and isinstance(value, ast.Pair):
                raise error(
                    "repeat",
                    "a repeat needs a blank before its `x`",
                    value.span,
                    help=f"write `{word.text}-{value.sizes[0]} x{value.sizes[1]}`",
                )
            settings.put(name, value, value.span if name != "kernel" else word.span)

    def fork(self, cls: type[Layer], step: ast.Step, kernel: words.Kernel, copy: Copy) -> Fork:
        """A merge and its branches. The option behind the bracket is an activation of the merged."""
        if step.branches is None:
            raise error(
                "branches",
                f"`{cls.word}` merges branches, and there are none",
                step.word.span,
                help=f"write `{cls.word}[ … | … ]`",
            )
        merge = Placed(None, None, step.word.span, {})
        with self.problems.collected(self.inside):
            merge = self.placement(cls, step, kernel, copy)
            merge = replace(merge, activation=self._behind(cls, step, copy))
        branches = []
        for branch in step.branches:
            if not branch.items:
                with self.problems.collected(self.inside):
                    raise error(
                        "branches",
                        f"a branch of `{cls.word}` is empty",
                        step.word.span,
                        help="a branch that passes the tensor on is `identity`",
                    )
            branches.append(self.chain(branch, copy))
        return Fork(merge, tuple(branches))

    def _behind(self, cls: type[Layer], step: ast.Step, copy: Copy) -> Activation | None:
        taken = Settings(cls, step.word, Scope(self.constants, copy), activations=True)
        for option in _options(step.after, step.word):
            taken.take(option)
            if option.name is None or taken.at:
                raise error(
                    "unknown-option",
                    "behind the branches stands an activation or nothing",
                    option.span,
                    help=f"settings of `{cls.word}` stand before the `[`",
                )
        return taken.activation


def _hyphenated(step: ast.Step) -> ast.Step:
    """`soft-max` is read as the word `soft` of width `max`; as a whole it may be a layer's name."""
    if not isinstance(step.width, ast.Word):
        return step
    whole = f"{step.word.text}-{step.width.text}"
    if whole.lower() not in words.names():
        return step
    return replace(step, word=ast.Name(whole, step.word.span.to(step.width.span)), width=None)


def _options(options: tuple[ast.Option | ast.Arguments, ...], word: ast.Name) -> list[ast.Option]:
    """The options, with `dropout(0.5)` as `dropout 0.5`."""
    found: list[ast.Option] = []
    for option in options:
        if isinstance(option, ast.Option):
            found.append(option)
            continue
        if not option.items:
            raise error("value", f"there is nothing in the brackets of `{word.text}`", option.span)
        if sum(item.name is None for item in option.items) > 1:
            raise error("value", f"`{word.text}` takes one value in its brackets", option.items[1].span)
        found += option.items
    return found


def _instead(name: str, step: ast.Step, takes: "dict[str, object]") -> str | None:
    """How to write what a suffix may have meant."""
    if name == "stride" and step.width is not None and "width" in takes:
        assert step.stride is not None
        return f"a quotient stands in brackets: `{step.word.text}-({step.width.span.text}/{step.stride.span.text})`"
    if name == "width" and step.width is not None and not takes:
        return "did you mean a comma?" if isinstance(step.width, ast.Word) else None
    return None
