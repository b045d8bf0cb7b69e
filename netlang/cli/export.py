"""`netlang export FILE -o x.onnx`: a net with its weights in the formats of others."""

import json
from pathlib import Path
from typing import Any

import click

from netlang import checkpoint
from netlang.cli.file import file_argument, json_option, opened, set_option, told
from netlang.export import KINDS, export, given
from netlang.export.onnx import NEWEST, OLDEST, Form, beside
from netlang.export.operators import Scaling
from netlang.files import Problem
from netlang.net import Net
from netlang.start import shapes
from netlang.train import prepare


@click.command("export")
@file_argument
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="x.onnx or x.safetensors.")
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file; as the net starts, if not said.")
@click.option("--external", is_flag=True, help="Put the weights into a file beside the model, x.onnx.data.")
@click.option("--opset", type=click.IntRange(OLDEST, NEWEST), default=OLDEST, show_default=True)
@click.option("--channels-first", is_flag=True, help="Images as [n, c, h, w], sequences as [n, c, t].")
@click.option("--raw", is_flag=True, help="Leave out the normalisation that was stored with the weights.")
@json_option
def command(
    file: str, settings: tuple[str, ...], output: Path, weights: Path | None, raw: bool, as_json: bool, **form: Any
) -> None:
    """Write FILE as an ONNX model in evaluation mode, or its weights as safetensors.

    The batch is free, and so are sizes the file leaves open (`--set T=64` fixes one). Inputs and outputs have netlang's
    names and shapes. Weights of a training run bring the statistics of its data: the model normalises its input by
    them, as `netlang run` does.
    """
    kind = output.suffix.lower()
    if kind not in KINDS:
        raise click.UsageError(f"-o {output}: a net is exported as {' or '.join(KINDS)}")
    if kind != ".onnx" and (raw or form["external"] or form["channels_first"]):
        raise click.UsageError("--external, --channels-first and --raw are for .onnx files")
    with told(as_json):
        net = Net(opened(file, settings)[0])
        found = _read(net, weights) if weights is not None else None
        scaling = None if raw or found is None else _scaling(net, found, str(weights))
        numbers = given(net.checked, found.weights if found else None)
        about = found.about if found else {}
        export(net.checked, net.identity, output, numbers, Form(scaling=scaling, **form), about)
    written = [output, beside(output)] if form["external"] and kind == ".onnx" else [output]
    said: dict[str, Any] = {"net": net.name, "files": [str(path) for path in written]}
    if kind == ".onnx":
        said |= {"opset": form["opset"], "normalises": scaling is not None}
    if as_json:
        click.echo(json.dumps(said))
        return
    click.echo(f"exported {net.name} as {' and '.join(said['files'])}")
    if said.get("normalises"):
        click.echo("its input is normalised inside, as in training; --raw leaves that to you")


def _read(net: Net, path: Path) -> checkpoint.Checkpoint:
    """The weights of a file. Raises Problem if they are not this net's."""
    found = checkpoint.load(path)
    checkpoint.fit(path, found.weights, shapes(net.checked))
    return found


def _scaling(net: Net, found: checkpoint.Checkpoint, path: str) -> Scaling | None:
    """How the data of the training was normalised, for each channel of the input. Raises Problem."""
    statistics = prepare.stored(found.about, path)
    if statistics is None or net.input.classes:
        return None
    times, rest = divmod(net.input.channels, len(statistics.mean))
    if rest:
        raise Problem(
            f"{path}: its statistics are of {len(statistics.mean)} channels, the net reads {net.input.channels}"
        )
    return Scaling(statistics.mean * times, statistics.std * times)
