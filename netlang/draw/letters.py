"""How wide text is, without a font at hand: what a box must hold."""

from itertools import chain

_FIRST = 32  # the blank, the first of 95 letters of ASCII
# Thousandths of the size.
# fmt: off
_HELVETICA = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)
_AILERON = (  # which Pillow carries, and pixels are made with
    216, 242, 339, 580, 580, 740, 654, 176, 315, 315, 560, 580, 220, 274, 220, 303, 580, 580, 580,
    580, 580, 580, 580, 580, 580, 580, 220, 220, 580, 580, 580, 499, 852, 639, 627, 699, 709, 587,
    567, 710, 730, 264, 544, 609, 575, 866, 718, 737, 598, 733, 619, 585, 612, 682, 622, 952, 625,
    581, 591, 307, 303, 295, 580, 500, 300, 531, 611, 529, 615, 549, 290, 615, 593, 238, 233, 522,
    247, 855, 593, 586, 611, 615, 330, 459, 313, 592, 514, 785, 482, 513, 462, 303, 250, 303, 580,
)
# fmt: on


def ascii_only(text: str) -> str:
    """The text in letters that every font of a drawing has."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text.replace("×", "x"))


def width(text: str, size: float) -> float:
    """How far a line of text reaches in either font, in units of its size."""
    places = [ord(letter) - _FIRST for letter in ascii_only(text)]
    return sum(max(_HELVETICA[k], _AILERON[k]) for k in places) * size / 1000


def in_helvetica(text: str, size: float) -> float:
    """How far a line of text reaches in Helvetica."""
    return sum(_HELVETICA[ord(letter) - _FIRST] for letter in ascii_only(text)) * size / 1000


def widest(lines: tuple[str, ...], size: float) -> float:
    """How far the longest of some lines reaches."""
    return max(chain((0.0,), (width(line, size) for line in lines)))
