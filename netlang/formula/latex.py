"""Terms as LaTeX: fractions, functions by their usual signs, selections as cases."""

from collections.abc import Callable

from netlang.formula.term import Call, Channel, Name, Number, Random, Runtime, Term

RUNTIME = {"examples": "N", "rate": r"\eta", "step": "k"}
FUNCTIONS = {
    "exp": r"\exp", "log": r"\log", "tanh": r"\tanh", "sigmoid": r"\sigma", "softplus": r"\operatorname{softplus}",
    "maximum": r"\max", "minimum": r"\min",
}  # fmt: skip
RELATIONS = {"gt": ">", "lt": "<", "ge": r"\ge", "le": r"\le", "equal": "="}
LETTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "$": r"\$", "&": r"\&", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
}  # fmt: skip
SUM, PRODUCT, ATOM = 1, 2, 3  # how strongly a text binds


def latex(term: Term, named: Callable[[str], str], channel: str = "f", least: int = 0) -> str:
    """The term; `named` writes an operand, `channel` is the letter of the channel's index.

    least: it stands in brackets where it binds less: SUM, PRODUCT, ATOM
    """
    return _Printer(named, channel).within(term, least)


def plain(text: str) -> str:
    """A text in which no letter is read as a command."""
    return "".join(LETTERS.get(letter, letter) for letter in text)


def number(value: float) -> str:
    r"""A constant: 0.044715, 10^{-5}."""
    said = f"{value:.12g}"
    digits, exponent, power = said.partition("e")
    if not exponent:
        return said
    scale = f"10^{{{int(power)}}}"
    return scale if digits == "1" else rf"{digits}\cdot {scale}"


class _Printer:
    def __init__(self, named: Callable[[str], str], channel: str) -> None:
        self.named, self.channel = named, channel

    def text(self, term: Term) -> tuple[str, int]:
        """The text of a part and how strongly it binds."""
        match term:
            case Number(value):
                return number(value), ATOM if value >= 0 else SUM
            case Name(name):
                return self.named(name), ATOM
            case Runtime(name):
                return RUNTIME[name], ATOM
            case Random(_):
                return "U", ATOM
            case Channel():
                return self.channel, ATOM
            case Call(name, args):
                return self.call(name, args)
        raise TypeError(f"a formula has no {term!r}")

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[str, int]:
        """An operation of its parts."""
        if name in ("add", "sub"):
            a, b = self.within(args[0], SUM), self.within(args[1], SUM if name == "add" else PRODUCT)
            return f"{a} {'+' if name == 'add' else '-'} {b}", SUM
        if name == "neg":
            return f"-{self.within(args[0], PRODUCT)}", SUM
        if name == "mul":
            factors = [self.within(a, PRODUCT) for a in args]
            if args[0] is args[1] and factors[0].endswith(")"):
                return f"{factors[0]}^{{2}}", PRODUCT
            dot = r"\cdot" if factors[1][:1].isdigit() else r"\,"
            return f"{factors[0]} {dot} {factors[1]}", PRODUCT
        if name == "div":
            return rf"\frac{{{self.text(args[0])[0]}}}{{{self.text(args[1])[0]}}}", ATOM
        if name == "sqrt":
            return rf"\sqrt{{{self.text(args[0])[0]}}}", ATOM
        if name == "absolute":
            return rf"\left|{self.text(args[0])[0]}\right|", ATOM
        if name == "where":
            return self.cases(*args), ATOM
        if name in RELATIONS:
            return f"{self.within(args[0], SUM)} {RELATIONS[name]} {self.within(args[1], SUM)}", 0
        return rf"{FUNCTIONS[name]}\left({', '.join(self.text(a)[0] for a in args)}\right)", ATOM

    def cases(self, condition: Term, then: Term, otherwise: Term) -> str:
        """A selection."""
        rows = rf"{self.text(then)[0]} & \text{{if }} {self.text(condition)[0]} \\ {self.text(otherwise)[0]}"
        return rf"\begin{{cases}} {rows} & \text{{otherwise}} \end{{cases}}"

    def within(self, term: Term, least: int) -> str:
        """A part, in brackets where it binds less than what it stands in."""
        said, binds = self.text(term)
        return said if binds >= least else rf"\left({said}\right)"
