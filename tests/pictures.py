"""Drawings are clear: text in its box, nothing on top of anything, lines around all of it."""

from itertools import pairwise

from netlang.draw.scene import Box, Face, Group, Line, Words, flat

TOUCH = 0.6  # points: letters, lines and boxes may be so near, not nearer than their outlines


def solids(items):
    """What nothing may be drawn on: words, boxes and bodies; what stands in one group is one thing."""
    for item in items:
        if isinstance(item, Group):
            inside = [each.bounds for each in flat(item.items) if not (isinstance(each, Box) and each.open)]
            yield inside
        elif isinstance(item, Words | Face) or (isinstance(item, Box) and not item.open):
            yield [item.bounds]


def inner(rect):
    """Left, top, right and bottom of what is surely inside."""
    return rect.x + TOUCH, rect.y + TOUCH, rect.right - TOUCH, rect.bottom - TOUCH


def runs_through(line, thing):
    left, top, right, bottom = thing
    return any(
        min(x, to_x) < right and max(x, to_x) > left and min(y, to_y) < bottom and max(y, to_y) > top
        for (x, y), (to_x, to_y) in pairwise(line.points)
    )


def assert_clear(found):
    """Text fits its box, nothing overlaps, no line runs through a box or a word, all lies on the page."""
    things = sorted((inner(rect), k) for k, thing in enumerate(solids(found.items)) for rect in thing)
    assert_text_fits(found)
    for at, ((_, top, right, bottom), group) in enumerate(things):
        for (left, upper, *_, lower), other in things[at + 1 :]:
            if left >= right:
                break
            assert group == other or upper >= bottom or lower <= top, (things[at], (left, upper, lower))
    for line in (item for item in flat(found.items) if isinstance(item, Line)):
        assert not [thing for thing, _ in things if runs_through(line, thing)], line
    for r in (item.bounds for item in flat(found.items)):
        assert min(r.x, r.y) >= 0
        assert r.right <= found.width
        assert r.bottom <= found.height


def assert_text_fits(found):
    """The text of a box lies inside it."""
    for group in (item for item in found.items if isinstance(item, Group)):
        boxes = [each.rect for each in flat(group.items) if isinstance(each, Box) and not each.open]
        for words in (each for each in flat(group.items) if isinstance(each, Words)):
            for box in boxes:
                assert box.x <= words.bounds.x, words.text
                assert words.bounds.right <= box.right, words.text
                assert box.y <= words.bounds.y, words.text
                assert words.bounds.bottom <= box.bottom, words.text
