"""Windows on the CPU: pools and their gradients, in both lane layouts alike."""

from netlang.primitives.contraction.sides import image_size
from netlang.primitives.launch import AS_IT_IS, Address, After, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Formula, drafted, indented, over_positions
from netlang.primitives.window.op import Window

USUAL = 3  # pixels of a window along each axis, which have a text of their own
SMALL = 4  # at most so many along an axis are written out, where no window reaches beyond the image
BAND = 4  # columns that a thread takes together: 256 bytes of each pixel in f32


@drafts("cpu", Window)
def window_draft(
    primitive: Window,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
) -> Draft:
    """The launch of a window whose result `y` passes through the formula `after` on its way out."""
    formula = Formula((after.term,), after.operands, result.type, result.lanes, given=("y",))
    g = formula.geometry
    image = image_size(result if primitive.role == "data" else inputs[0])
    windows = image_size(inputs[-1] if primitive.role == "data" else result)
    arguments = Arguments()
    arguments.add(result=Address(result.buffer), **{f"x{k}": Address(o.buffer) for k, o in enumerate(inputs)})
    arguments.add(
        places=g.places, columns=g.columns, height=image[0], width=image[1], high=windows[0], wide=windows[1],
        kernel_h=primitive.kernel[0], kernel_w=primitive.kernel[1], stride_h=primitive.stride[0],
        stride_w=primitive.stride[1], top=primitive.pad[0], left=primitive.pad[1],
    )  # fmt: skip
    formula.add_arguments(arguments)
    name = f"window_{primitive.how}_{primitive.role}_{result.lanes}"
    pasted = [*formula.lines(("made",)), f"store_{g.dtype}(result + at, made)"]
    text = _Pool(g.dtype, g.vector, g.images, pasted, after != AS_IT_IS)
    if primitive.role == "out":
        inside = _inside(primitive, image, windows)
        lines = text.out(primitive.how, primitive.kernel, inside)
        name += f"_{'x'.join(map(str, primitive.kernel))}" * inside
    elif primitive.how == "average":
        lines = text.average_data()
    elif _tiled(primitive, image):
        lines, name = text.max_data_tiled(), f"{name}_tiled"
    else:
        lines = text.max_data()
    return drafted(name, arguments, [*formula.prologue(), *lines])


def _inside(primitive: Window, image: tuple[int, int], windows: tuple[int, int]) -> bool:
    """Whether windows are small, and none reaches beyond the image."""
    sides = zip(image, windows, primitive.kernel, primitive.stride, strict=True)
    reached = all((many - 1) * step + kernel <= size for size, many, kernel, step in sides)
    return reached and not any(primitive.pad) and max(primitive.kernel) <= SMALL


def _tiled(primitive: Window, image: tuple[int, int]) -> bool:
    """Whether every pixel is in exactly one window."""
    whole = all(size % step == 0 for size, step in zip(image, primitive.stride, strict=True))
    return primitive.kernel == primitive.stride and not any(primitive.pad) and whole


# Pixels (h0 + u, w0 + v) of the window (i, j), u0 <= u < u1, v0 <= v < v1, are inside the image
_DOWN = ["h0 = i * stride_h - top", "u0 = max_i64(0, -h0)", "u1 = min_i64(kernel_h, height - h0)"]
_ACROSS = ["v0 = max_i64(0, -w0)", "v1 = min_i64(kernel_w, width - w0)"]
_WINDOW = [*_DOWN, "w0 = j * stride_w - left", *_ACROSS]


def _ahead(*pixels: str) -> list[str]:
    """Lines that ask for what the window below is the first to read. pixels: addresses of the first of this one's"""
    asked = [f"prefetch({pixel} + (max_i64(stride_h, kernel_h) + u) * line + v * pixel)" for pixel in pixels]
    some = "for u in range(min_i64(stride_h, kernel_h)):", "    for v in range(min_i64(stride_w, kernel_w)):"
    return [*some, *indented(asked, 2)]


class _Pool:
    """The texts. pasted: lines that take `v_y` at `position`, `column` and `at` through the formula and store it."""

    def __init__(self, dtype: str, vector: int, images: str, pasted: list[str], formula: bool) -> None:
        self.dtype, self.vector, self.images, self.pasted, self.formula = dtype, vector, images, pasted, formula

    def _load(self, buffer: str, position: str) -> str:
        return f"load_{self.dtype}({buffer} + (({position}) * columns + column) * {self.vector})"

    def _pixels(self, body: list[str]) -> list[str]:
        return ["for u in range(u0, u1):", "    for v in range(v0, v1):", *indented(body, 2)]

    def out(self, how: str, kernel: tuple[int, int], inside: bool) -> list[str]:
        """Each window's largest or average: rows of windows over the threads. inside: none reaches beyond the image"""
        whole = self._written(how, kernel if inside else (USUAL, USUAL))
        body = ["corner = from_x", *whole]
        if not inside:
            body = [
                *_ACROSS,
                f"if u1 - u0 == {USUAL} and v1 - v0 == {USUAL}:",
                "    corner = from_x + u0 * line + v0 * pixel",
                *indented(whole),
                "else:",
                *indented(self._cut(how)),
                "w0 += stride_w",
            ]
        return [
            f"pixel = columns * {self.vector}",
            "line = width * pixel",
            f"row, last = split(({self.images}) * high, thread, threads(team))",
            "while row < last:",
            "    image = row // high",
            "    i, w0 = row - image * high, -left",
            *indented(_DOWN),
            "    from_x = x0 + (image * height + h0) * line + w0 * pixel",
            "    for position in range(row * wide, (row + 1) * wide):",
            "        place = position - image * places",
            *indented(body, 2),
            "        from_x += stride_w * pixel",
            "    row += 1",
        ]

    def _written(self, how: str, kernel: tuple[int, int]) -> list[str]:
        """All columns of a window of which so many pixels are inside, from its `corner`, pixel by pixel."""
        taps = [f"line{u} + {v} * pixel" if v else f"line{u}" for u in range(kernel[0]) for v in range(kernel[1])]
        loads = [f"load_{self.dtype}({tap})" for tap in taps]
        join = [f"v_y = maximum(v_y, {load})" if how == "max" else f"v_y = v_y + {load}" for load in loads[1:]]
        column = [
            *(f"line{u} = corner + {u} * line + column * {self.vector}" for u in range(kernel[0])),
            f"v_y = {loads[0]}",
            *join,
            *([f"v_y = v_y / float({kernel[0] * kernel[1]})"] if how == "average" else []),
            f"at = (position * columns + column) * {self.vector}",
            *self.pasted,
        ]
        return ["for column in range(columns):", *indented([*_ahead(f"corner + column * {self.vector}"), *column])]

    def _cut(self, how: str) -> list[str]:
        """All columns of any other window."""
        pixel = f"load_{self.dtype}(from_x + u * line + v * pixel + column * {self.vector})"
        column = [
            f"v_y = splat_{self.dtype}({'-1e308 * 10.0' if how == 'max' else '0.0'})",
            *self._pixels([f"v_y = maximum(v_y, {pixel})" if how == "max" else f"v_y = v_y + {pixel}"]),
            *(["v_y = v_y / float((u1 - u0) * (v1 - v0))"] if how == "average" else []),
            f"at = (position * columns + column) * {self.vector}",
            *self.pasted,
        ]
        return ["for column in range(columns):", *indented(column)]

    def average_data(self) -> list[str]:
        """Each pixel gathers from the windows that hold it."""
        share = self._load("x0", "(image * high + i) * wide + j")
        window = [
            f"v_y = v_y + {share} / float((u1 - u0) * (v1 - v0))",
        ]
        body = [
            "h = place // width",
            "w = place - h * width",
            "i_from = max_i64(0, (h + top - kernel_h + stride_h) // stride_h)",
            "i_to = min_i64(high, (h + top) // stride_h + 1)",
            "j_from = max_i64(0, (w + left - kernel_w + stride_w) // stride_w)",
            "j_to = min_i64(wide, (w + left) // stride_w + 1)",
            "for column in range(columns):",
            f"    v_y = splat_{self.dtype}(0.0)",
            "    for i in range(i_from, i_to):",
            "        for j in range(j_from, j_to):",
            *indented([*_WINDOW, *window], 3),
            f"    at = (position * columns + column) * {self.vector}",
            *indented(self.pasted),
        ]
        return [self._split("places"), *over_positions(body, images=True)]

    def _largest(self) -> list[str]:
        """`largest` of the window, and `free`: what of dy no pixel has taken yet."""
        pixel = self._load("x0", "(image * height + h0 + u) * width + w0 + v")
        return [
            f"top_value = splat_{self.dtype}(-1e308 * 10.0)",
            *self._pixels([f"top_value = maximum(top_value, {pixel})"]),
            f"free = {self._load('x1', '(image * high + i) * wide + j')}",
        ]

    def _take(self) -> list[str]:
        """The first pixel equal to the largest takes all of dy: `hit`. If one is NaN, the first that is."""
        return [
            "position = (image * height + h0 + u) * width + w0 + v",
            f"at = (position * columns + column) * {self.vector}",
            f"here = attains(load_{self.dtype}(x0 + at), top_value)",
            f"hit = where(here, free, splat_{self.dtype}(0.0))",
            f"free = where(here, splat_{self.dtype}(0.0), free)",
        ]

    def max_data_tiled(self) -> list[str]:
        """Windows side by side: each pixel is written once, by its window."""
        body = [
            "image = window // (high * wide)",
            "rest = window - image * (high * wide)",
            "i = rest // wide",
            "j = rest - i * wide",
            *_WINDOW,
            "for column in range(columns):",
            *indented(self._largest()),
            *indented(self._pixels([*self._take(), "place = position - image * places", "v_y = hit", *self.pasted])),
        ]
        return [self._split("(high * wide)"), "for window in range(start, stop):", *indented(body)]

    def max_data(self) -> list[str]:
        """A thread owns all pixels of an image and BAND columns: zeros, what each window gives, then the formula.

        A row of windows after the other, so that the rows of pixels that they share are still in the cache.
        """
        result = f"load_{self.dtype}(result + at)"
        hit = [*self._take(), f"store_{self.dtype}(result + at, {result} + hit)"]
        windows = [
            *_WINDOW,
            f"if u1 - u0 == {USUAL} and v1 - v0 == {USUAL}:",
            *indented(self._usual()),
            "else:",
            "    for column in range(begin, end):",
            *indented([*self._largest(), *self._pixels(hit)], 2),
        ]
        clear = f"store_{self.dtype}(result + at, splat_{self.dtype}(0.0))"
        done = self._rows(
            "done", "max_i64(done, min_i64((i + 1) * stride_h - top, clear))", [f"v_y = {result}", *self.pasted]
        )
        rest = self._rows("done", "height", [f"v_y = {result}", *self.pasted])
        bands = [
            "image = item // bands",
            f"begin = (item - image * bands) * {BAND}",
            f"end = min_i64(columns, begin + {BAND})",
            "clear = done = 0",
            "for i in range(high):",
            *indented(self._rows("clear", "max_i64(clear, min_i64(i * stride_h - top + kernel_h, height))", [clear])),
            "    for j in range(wide):",
            *indented(windows, 2),
            *(indented(done) if self.formula else []),
            *self._rows("clear", "height", [clear]),
            *(rest if self.formula else []),
        ]
        head = [f"bands = (columns + {BAND - 1}) // {BAND}", self._split("bands")]
        return [*head, "for item in range(start, stop):", *indented(bands)]

    def _usual(self) -> list[str]:
        """The same for windows of 3x3 pixels, which stay in registers."""
        each = [f"{u}_{v}" for u in range(USUAL) for v in range(USUAL)]
        places = [f"{u} * line + {v} * pixel" for u in range(USUAL) for v in range(USUAL)]
        lines = [f"p{k} = load_{self.dtype}(x0 + at + {place})" for k, place in zip(each, places, strict=True)]
        lines += ["top_value = p0_0", *(f"top_value = maximum(top_value, p{k})" for k in each[1:])]
        lines += [f"free = {self._load('x1', '(image * high + i) * wide + j')}"]
        for k, place in zip(each, places, strict=True):
            lines += [
                f"here = attains(p{k}, top_value)",
                f"p{k} = where(here, free, splat_{self.dtype}(0.0)) + load_{self.dtype}(result + at + {place})",
                f"free = where(here, splat_{self.dtype}(0.0), free)",
            ]
        lines += [f"store_{self.dtype}(result + at + {place}, p{k})" for k, place in zip(each, places, strict=True)]
        return [
            f"pixel = columns * {self.vector}",
            "line = width * pixel",
            f"at = ((image * height + h0 + u0) * width + w0 + v0) * pixel + begin * {self.vector}",
            "for column in range(begin, end):",
            *indented(_ahead("x0 + at", "result + at")),
            *indented(lines),
            f"    at += {self.vector}",
        ]

    def _rows(self, first: str, stop: str, body: list[str]) -> list[str]:
        """The pixels of the rows from `first`, which becomes `stop`."""
        return [
            f"row_stop = {stop}",
            f"for place in range({first} * width, row_stop * width):",
            "    position = image * places + place",
            "    for column in range(begin, end):",
            f"        at = (position * columns + column) * {self.vector}",
            *indented(body, 2),
            f"{first} = row_stop",
        ]

    def _split(self, each: str) -> str:
        return f"start, stop = split(({self.images}) * {each}, thread, threads(team))"
