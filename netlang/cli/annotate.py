"""`netlang annotate FILE`: shapes at the ends of lines."""

import json
import sys

import click

from netlang.cli.file import constants, file_argument, json_option, set_option, told
from netlang.files import Problem


@click.command("annotate")
@file_argument
@set_option
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a shape is missing or wrong.")
@click.option("--stdout", "shown", is_flag=True, help="Write to the terminal instead of the file.")
@json_option
def command(file: str, settings: tuple[str, ...], check: bool, shown: bool, as_json: bool) -> None:
    """Write `-> shape` behind each line of FILE, put wrong ones right, and lay the file out as `netlang fmt` does.

    Of a file with variants a size that differs from one to another becomes `?`. Shapes inside blocks are left alone.
    """
    from netlang.annotate import annotated
    from netlang.syntax.read import divided, read, rewrite

    with told(as_json):
        path, variant = divided(file)
        source = read(path)
        text = annotated(source, variant, constants(settings))
    changed = text != source.text
    if as_json:
        click.echo(json.dumps({"ok": not (check and changed), "file": str(path), "changed": changed, "text": text}))
    if changed and not (check or shown):
        try:
            rewrite(str(path), text)
        except Problem as problem:
            click.echo(f"error: {problem}", err=True)
            sys.exit(1)
    if not as_json and (shown or changed):
        click.echo(text if shown else f"{'would change' if check else 'changed'} {path}", nl=not shown)
    sys.exit(int(check and changed))
