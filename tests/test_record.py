"""`record.dataclass` gives classes that compare, hash and show themselves as Python's frozen ones do."""

import copy
import dataclasses
import pickle
from typing import ClassVar

import pytest

from netlang import record


def classes(dataclass):
    @dataclass(frozen=True)
    class Plain:
        a: int
        b: tuple[int, ...] = (1,)
        c: str = dataclasses.field(default="x", repr=False, compare=False)
        of_all: ClassVar[int] = 3

    @dataclass(frozen=True)
    class Below(Plain):
        d: float = 0.5

    @dataclass(frozen=True, slots=True)
    class Slotted:
        a: int

    @dataclass(frozen=True, eq=False)
    class Itself:
        a: int

    @dataclass(frozen=True)
    class Equal:
        a: int

        def __eq__(self, other):
            return True

    @dataclass(frozen=True)
    class Hashed:
        a: int

        def __hash__(self):
            return 7

    @dataclass(frozen=True, repr=False)
    class Hidden:
        a: int

    @dataclass(frozen=True)
    class Said:
        a: int

        def __repr__(self):
            return "said"

    @dataclass
    class Open:
        a: int

    return [Plain, Below, Slotted, Itself, Equal, Hashed, Hidden, Said, Open]


PAIRS = list(zip(classes(record.dataclass), classes(dataclasses.dataclass), strict=True))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_classes_behave_as_those_of_python(ours, theirs):
    assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(theirs)]
    answers = [
        (cls(1) == cls(1), cls(1) == cls(2), cls.__hash__ is None, cls.__hash__ is object.__hash__)
        for cls in (ours, theirs)
    ]
    assert answers[0] == answers[1]
    if ours.__hash__ not in (None, object.__hash__):
        assert hash(ours(1)) == hash(theirs(1))
        assert hash(copy.deepcopy(ours(1))) == hash(ours(1))
    if ours.__repr__ is not object.__repr__:
        assert repr(ours(1)) == repr(theirs(1))
    assert dataclasses.replace(ours(1), a=2).a == 2


@record.dataclass(frozen=True, slots=True)
class Kept:
    a: object


def test_slotted_ones_are_pickled_and_cycles_are_shown():
    assert pickle.loads(pickle.dumps(Kept((1, 2)))) == Kept((1, 2))
    inside = []
    inside.append(Kept(inside))
    assert repr(inside[0]) == "Kept(a=[...])"
