"""A series that is too long for a page, in pieces beside one another."""

from itertools import groupby, pairwise
from math import ceil

from netlang.draw.flow import Flow
from netlang.draw.parts import Part, Series, Tap, given, line_of
from netlang.graph import NodeId

LONGEST = 1250.0  # points along the flow that still show well on a page: letters of 8 points on A4


def pieces(flow: Flow, series: Series, count: int = 0, read: frozenset[NodeId] = frozenset()) -> list[Series]:
    """The series in as few pieces of like length as fit; in one where lines would lead from piece to piece.

    count: the number of pieces, if it is fixed
    read: tensors that lead aside, where no piece ends: the line to the next one would cross theirs
    """
    groups: list[list[Part]] = []
    for line, parts in groupby(series, key=line_of):
        found = list(parts)
        groups += [found] if line is not None else [[part] for part in found]
    lengths = [flow.series(tuple(group)).length + flow.style.arrow for group in groups]
    count = count or ceil(sum(lengths) / LONGEST)
    if count == 1:
        return [series]
    cut: list[list[list[Part]]] = [[] for _ in range(count)]
    reached = 0.0
    for group, length in zip(groups, lengths, strict=True):
        middle = reached + length / 2
        cut[min(int(middle * count / sum(lengths)), count - 1)].append(group)
        reached += length
    for piece, after in pairwise(cut):
        while len(piece) > 1 and given(piece[-1][-1]) in read:
            after.insert(0, piece.pop())
    found_pieces = [tuple(part for group in piece for part in group) for piece in cut if piece]
    return found_pieces if all(_closed(flow, piece) for piece in found_pieces) else [series]


def _closed(flow: Flow, piece: Series) -> bool:
    """Whether a piece reads nothing that is drawn in another one, but what leads into it."""
    placed = flow.series(piece)
    begins = isinstance(piece[0], Tap)
    return not begins and all(want.tap.id in placed.boxes for want in placed.wants)
