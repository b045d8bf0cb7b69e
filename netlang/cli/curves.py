"""`netlang curves RUN... [-o x.svg]`: how trainings went, epoch by epoch."""

import json
from pathlib import Path

import click

from netlang.cli.file import json_option, told


@click.command("curves")
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="x.svg: a picture.")
@json_option
def command(folders: tuple[Path, ...], output: Path | None, as_json: bool) -> None:
    """Show loss and score of training runs, `runs/lenet-1`, side by side: a table, or with -o a picture."""
    from netlang.files import write
    from netlang.train import runs
    from netlang.train.curves import read, svg, table

    if output is not None and output.suffix.lower() != ".svg":
        raise click.UsageError(f"-o {output}: the picture is an .svg")
    with told(as_json):
        found = [read(runs.existing(folder)) for folder in folders]
        if output is not None:
            write(output, svg(found).encode())
    if as_json:
        known = {"runs": [{"run": run.name, "epochs": list(run.rows)} for run in found]}
        click.echo(json.dumps(known | ({"output": str(output)} if output else {})))
    elif output is not None:
        click.echo(f"drew {', '.join(run.name for run in found)} as {output}")
    else:
        click.echo("\n".join(table(found)))
