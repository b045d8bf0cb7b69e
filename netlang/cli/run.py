"""`netlang run FILE --weights W --input X`: what a trained net answers, or how it continues a text."""

import io
import math
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from netlang.checkpoint import Checkpoint
from netlang.checkpoint import load as load_checkpoint
from netlang.cli.file import file_argument, set_option
from netlang.cli.nets import device_option, opened, plainly, refuse_missing, told, weighted
from netlang.files import Problem, json_line, read, write
from netlang.ragged import cut
from netlang.train import prepare, text
from netlang.train.data import check_values, lengths_of, read_arrays
from netlang.train.face import Net, Program
from netlang.types import shown

if TYPE_CHECKING:
    from PIL.Image import Image

    from netlang import net as face

Array = NDArray[Any]
ARRAYS = (".npy", ".npz")


@click.command("run")
@file_argument
@set_option
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="A safetensors file.")
@click.option("--input", "inputs", type=click.Path(path_type=Path), multiple=True, help="Arrays or pictures.")
@click.option("--continue", "start", metavar="TEXT", help="Continue a text, character after character.")
@click.option("--length", type=click.IntRange(1), default=200, show_default=True, help="Characters to add.")
@click.option(
    "--temperature", type=click.FloatRange(0), default=1.0, show_default=True, help="0 takes the likeliest character."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the characters drawn.")
@click.option("--output", type=click.Path(path_type=Path), help="An .npy file for the answers.")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Classes to print.")
@click.option("--threads", type=click.IntRange(1), help="Threads; the processors there are, if not said.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def command(file: str, settings: tuple[str, ...], inputs: tuple[Path, ...], start: str | None, **options: Any) -> None:
    """Run a net on arrays (.npy, .npz with `x`) or pictures, which are brought to its input's size.

    The statistics stored with the weights normalise the input, as in training. With --continue, a net that was trained
    on a text tells the next character again and again.
    """
    if (start is None) != bool(inputs):
        raise click.UsageError("give either --input or --continue")
    if start == "":
        raise click.UsageError("--continue takes a text of at least one character")
    if math.isnan(options["temperature"]):
        raise click.UsageError("--temperature is a number from 0 on")
    with plainly(options["as_json"]):
        net = opened(file, settings)
        refuse_missing(options["on"])
        checkpoint = load_checkpoint(options["weights"])
        if start is None:
            _run(net, inputs, checkpoint, options)
        else:
            _continue(net, start, checkpoint, options)


def _run(net: "face.Net", inputs: tuple[Path, ...], checkpoint: Checkpoint, options: dict[str, Any]) -> None:
    """Print and store what a net answers to examples. Raises Problem."""
    weights, output = options["weights"], options["output"]
    net, x, names, ends = _examples(net, inputs)
    program = weighted(net, weights, checkpoint, None, options["threads"], options["on"])
    statistics = prepare.stored(checkpoint.about, weights)
    if statistics is not None:
        scaled = x if inputs[0].suffix.lower() in ARRAYS else x * np.float32(statistics.peak / 255)
        x = statistics.normalised(scaled)
    try:
        steps = program.real_steps(**ends) if ends else None
        y = _answers(program, prepare.shaped(x, net.input), ends)
    finally:
        program.close()
    if output is not None:
        _store(output, y)
    _print(net, names, y, steps, options["top"], output, options["as_json"])


def _continue(net: "face.Net", start: str, checkpoint: Checkpoint, options: dict[str, Any]) -> None:
    """Print how a net goes on with a text, each character as soon as it is drawn. Raises Problem."""
    weights, as_json, steps = options["weights"], options["as_json"], text.steps(net.input)
    if net.input.classes and not net.input.fixed:
        net = net.sized({str(net.input.shape[1]): steps})
    if not (net.input.classes and net.output.shape == (*net.input.shape, net.input.classes)):
        raise Problem(f"{net.name} does not tell a next token for each token it reads: it continues no text")
    statistics = prepare.stored(checkpoint.about, weights)
    if statistics is None or not statistics.alphabet:
        raise Problem(f"{weights} does not say what characters the tokens stand for: it was not trained on a text")
    program = weighted(net, weights, checkpoint, None, options["threads"], options["on"])
    letters = statistics.alphabet
    drawing = {name: options[name] for name in ("temperature", "seed")}
    said = text.continued(program, text.tokens(start, letters), steps, len(letters), **drawing)
    added = ""
    try:
        for letter in (letters[token] for token in islice(said, options["length"])):
            if not as_json:
                click.echo(letter if added else start + letter, nl=False)
            added += letter
    finally:
        program.close()
    click.echo(json_line({"net": net.name, "start": start, "text": added, **drawing}) if as_json else "")


def _examples(net: "face.Net", inputs: tuple[Path, ...]) -> tuple["face.Net", Array, list[str], dict[str, Array]]:
    """The net for the sizes of the examples, these, what to call each, and their lengths if told. Raises Problem."""
    kinds = {path.suffix.lower() in ARRAYS for path in inputs}
    if len(kinds) > 1 or (kinds == {True} and len(inputs) > 1):
        raise Problem("--input takes one .npy or .npz file, or pictures")
    if kinds == {False}:
        found = [_picture(path, net)[None] for path in inputs]
        net = told(net, found[0], None, str(inputs[0]))
        pictures = [prepare.fitted(x, net.input, str(path)) for x, path in zip(found, inputs, strict=True)]
        return net, np.concatenate(pictures), [str(path) for path in inputs], {}
    (path,) = inputs
    x, lengths = _arrays(net, path)
    net = told(net, x, lengths, str(path))
    names = [f"example {i}" for i in range(len(x))]
    if lengths is None:
        return net, prepare.fitted(x, net.input, str(path)), names, {}
    return net, prepare.stepped(x, net.input, lengths, str(path)), names, {"lengths": lengths}


def _arrays(net: Net, path: Path) -> tuple[Array, Array | None]:
    """The examples of a file, and their lengths if it has them. Raises Problem."""
    found = read_arrays(path)
    if "x" not in found:
        raise Problem(f"{path} lacks `x`: it has {', '.join(found) or 'nothing'}")
    x, wanted = found["x"], net.input.shape[1:]
    if x.ndim == len(wanted) and all(a == b or isinstance(b, str) for a, b in zip(x.shape, wanted, strict=True)):
        x = found["x"] = x[None]  # one example without a batch axis
    if not 2 <= x.ndim <= 4 or x.size == 0:
        raise Problem(f"{path}: the array is {shown(x.shape)}, the net takes nx{shown(net.input.shape)}")
    lengths = lengths_of(found, path)
    x = check_values(x if lengths is None else cut(x, lengths), str(path))
    if net.input.classes:
        prepare.check_tokens(x, net.input.classes, str(path))
    return x, lengths


def _picture(path: Path, net: Net) -> Array:
    """A picture as values 0 to 255, [h, w, c], gray where the net reads one channel. Raises Problem."""
    from PIL import Image as Pictures
    from PIL import UnidentifiedImageError

    content = read(path)
    gray = len(net.input.shape) < 4 or net.input.channels == 1
    try:
        values = _levels(Pictures.open(io.BytesIO(content)), gray)
    except UnidentifiedImageError:
        raise Problem(f"{path} is neither an .npy or .npz file nor a picture that can be read") from None
    except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError) as error:  # Pillow's ways to refuse
        raise Problem(f"{path} is a picture that cannot be read: {error}") from None
    return values[..., None] if values.ndim == 2 else values


def _levels(picture: "Image", gray: bool) -> Array:
    """Pixels 0 to 255, [h, w] or [h, w, 3]. Raises ValueError, and what else Pillow does."""
    if picture.mode == "F":
        raise ValueError("its pixels are numbers of which nobody says what white is; store it as .npy")
    picture = _upright(picture)
    if not picture.mode.startswith("I"):
        return np.asarray(picture.convert("L" if gray else "RGB"), np.float32)
    values = np.asarray(picture).astype(np.float32) / 257  # 16 bits, which Pillow's conversion cuts off at 255
    if values.max(initial=0) > 255:
        raise ValueError("its pixels have more than 16 bits")
    return values if gray else np.repeat(values[..., None], 3, axis=2)


def _upright(picture: "Image") -> "Image":
    """Turned as its camera says (EXIF), and what is transparent put on white paper."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    turned = ImageOps.exif_transpose(picture) or picture
    if not (turned.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in turned.info):
        return turned
    clear = turned.convert("RGBA")
    return Pictures.alpha_composite(Pictures.new("RGBA", clear.size, "white"), clear).convert("RGB")


def _answers(program: Program, x: Array, ends: dict[str, Array]) -> Array:
    parts = [slice(i, i + program.batch) for i in range(0, len(x), program.batch)]
    return np.concatenate([program(x[part], **{name: n[part] for name, n in ends.items()}) for part in parts])


def _store(path: Path, y: Array) -> None:
    stream = io.BytesIO()
    np.save(stream, y)
    write(path, stream.getvalue())


def _print(
    net: Net, names: list[str], y: Array, steps: Array | None, top: int, output: Path | None, as_json: bool
) -> None:
    classes = y.ndim == 2 and y.shape[1] > 1
    best = np.argsort(-y, axis=1, kind="stable")[:, :top] if classes else None
    if as_json:
        rows: list[dict[str, Any]] = [{"name": name} for name in names]
        for i, row in enumerate(rows):
            if best is not None:
                row["top"] = [{"class": int(k), "value": float(y[i, k])} for k in best[i]]
            elif y[i].size == 1:
                row["value"] = float(y[i].flat[0])
            if steps is not None:
                row["steps"] = int(steps[i])
        click.echo(json_line({"net": net.name, "shape": list(y.shape), "output": output and str(output), "rows": rows}))
        return
    for i, name in enumerate(names):
        real = y[i] if steps is None else y[i][: steps[i]]
        click.echo(f"{name}: {_answer(real, None if best is None else best[i], net.labelled)}")
    if output is not None:
        click.echo(f"answers, {shown(y.shape)}, in {output}")


def _answer(y: Array, best: Array | None, shares: bool) -> str:
    if best is not None:
        return "  ".join(f"{k} ({y[k]:.1%})" if shares else f"{k} ({y[k]:.4g})" for k in best)
    return f"{y.flat[0]:.4g}" if y.size == 1 else f"{'x'.join(map(str, y.shape))}, {y.min():.4g} to {y.max():.4g}"
