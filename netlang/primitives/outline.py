"""Parts that many kernels have in common, outlined: kernels of their own, compiled once and called by address.

A part is called with a frame, words of 8 bytes in the thread's scratch: the address of the launch's arguments, what the
part is given, and what it makes of it. What it keeps lies there from one call to the next.
"""

from collections.abc import Sequence

from netlang.primitives.launch import Draft, KernelText
from netlang.primitives.text import Arguments, drafted, indented, loads, spaced
from netlang.simd import FRAME as WORDS

FRAME = 8 * WORDS  # bytes


def framed(name: str, arguments: Arguments, lines: Sequence[str], scratch: tuple[int, int]) -> Draft:
    """The launch of a kernel that calls parts, whose lines go by `frame`, `own` and `shared` for where these begin.

    scratch: as in `Draft`, without the frame
    """
    places = [f"shared = {arguments.shared()}", f"frame = {arguments.own()}", f"own = frame + {FRAME}"]
    return drafted(name, arguments, [*places, *lines], (spaced(FRAME, scratch[0]), scratch[1]))


def outlined(
    name: str,
    lines: Sequence[str],
    arguments: Arguments,
    given: Sequence[str],
    made: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> list[str]:
    """The lines that call a part, whose address becomes an argument of the launch.

    lines: of the part, which may read whatever is an argument already
    given, made: names that the part reads and that it sets, in the kernel that calls it; kept: its own. Arguments that
        are given, too, may lie elsewhere in other launches
    """
    words = list(dict.fromkeys(["args", *given, *made, *kept]))
    assert len(words) <= WORDS, f"{name} has more to tell than its frame holds"
    read = {"args", *given, *kept}
    body = [
        *loads("frame", [word if word in read else "" for word in words]),
        *arguments.lines(lines, words),
        *lines,
        *(f"store_i64(frame + {8 * words.index(word)}, {word})" for word in [*made, *kept]),
    ]
    text = "\n".join(["from netlang.simd import *\n\n", "def kernel(frame, team, thread):", *indented(body)])
    arguments.add(**{f"part_{name}": KernelText(name, f"{text}\n")})
    told = [word for word in words if word == "args" or word in given]
    return [
        f"call_part_{len(told)}(part_{name}, frame, team, thread, {', '.join(told)})",
        *loads("frame", [word if word in made else "" for word in words]),
    ]
