"""Drawings are clear: text in its box, nothing on top of anything, lines around all of it."""

from itertools import combinations, pairwise

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


def runs_through(line, rect):
    inner = rect.grown(-TOUCH)
    for (x, y), (to_x, to_y) in pairwise(line.points):
        left, right = sorted((x, to_x))
        top, bottom = sorted((y, to_y))
        if left < inner.right and right > inner.x and top < inner.bottom and bottom > inner.y:
            return True
    return False


def assert_clear(found):
    """Text fits its box, nothing overlaps, no line runs through a box or a word, all lies on the page."""
    things = list(solids(found.items))
    assert_text_fits(found)
    for one, other in combinations(things, 2):
        assert not any(a.grown(-TOUCH).meets(b.grown(-TOUCH)) for a in one for b in other), (one, other)
    for line in (item for item in flat(found.items) if isinstance(item, Line)):
        assert not [rect for thing in things for rect in thing if runs_through(line, rect)], line
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
