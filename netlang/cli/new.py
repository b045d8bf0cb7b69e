"""`netlang new NAME.net --from NET`: a copy of a net of the zoo, to be changed."""

import json
from pathlib import Path

import click

from netlang.cli.file import json_option, told


def _begun(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The nets of the zoo that begin so, for a shell."""
    from netlang.catalogue import names

    return [name for name in names() if name.startswith(incomplete)]


@click.command("new")
@click.argument("file", metavar="NAME.net", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    metavar="NET",
    required=True,
    shell_complete=_begun,
    help="A net of the zoo; `netlang zoo` lists them.",
)
@json_option
def command(file: Path, source: str, as_json: bool) -> None:
    """Copy a net of the zoo to a new file. A file that is there is never overwritten."""
    from netlang.catalogue import entry, names
    from netlang.diagnostics import closest
    from netlang.files import Problem, create

    if file.suffix != ".net":
        raise click.UsageError(f"{file}: the name of a net's file ends in .net; try `{file}.net`")
    name = source.removeprefix("zoo/").partition(":")[0].removesuffix(".net")
    with told(as_json):
        if name not in names():
            near = closest(name, names())
            help_ = f"did you mean `{near}`?" if near else "see `netlang zoo`"
            raise Problem(f"there is no net `{name}` in the zoo; {help_}")
        create(file, entry(name).path.read_bytes())
    click.echo(json.dumps({"file": str(file), "from": name}) if as_json else f"wrote {file}, a copy of {name}")
