"""`netlang check FILE`: every error of a file at once, or a line that says what it is."""

import json

import click

from netlang.cli.file import as_data, complain, file_argument, json_option, opened, set_option, told


@click.command("check")
@file_argument
@set_option
@json_option
def command(file: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Check shapes, names and promises of a net, and tell every error at once.

    Nothing is compiled. Notes are printed for what is allowed but rarely meant.
    """
    from netlang.diagnostics import count
    from netlang.report import summary
    from netlang.types import shown

    with told(as_json):
        net, notes = opened(file, settings)
        found = summary(net)
        if as_json:
            known = {"ok": True, "net": net.name, "parameters": found.parameters, "macs": found.macs}
            click.echo(json.dumps(known | {"notes": [as_data(note) for note in notes]}))
            return
        if notes:
            complain(notes)
        inputs, outputs, sides = (
            ", ".join(shown(("n", *end.shape)) for end in ends)
            for ends in (found.inputs, [e for e in found.outputs if not e.side], [e for e in found.outputs if e.side])
        )
        outputs += f" (in training {sides} too)" if sides else ""
        layers = count(len(found.layers), "layer")
        figures = f"{count(found.parameters, 'parameter')}, {count(found.macs, 'MAC')}"
        click.echo(f"{file}: {inputs} -> {outputs}, {layers}, {figures}")
