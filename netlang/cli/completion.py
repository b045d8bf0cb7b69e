"""`netlang completion SHELL`: what a shell needs to complete commands, options, files and their variants."""

import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_NETLANG_COMPLETE"  # in which click finds what a shell asks
# bash takes a colon for the end of a word: FILE:VARIANT is put together before the question and taken apart after it.
COLONS = r"""_netlang_colons() {
    local words=() word colon= k
    for ((k = 0; k <= COMP_CWORD; k++)); do
        word=${COMP_WORDS[k]}
        if [[ k -gt 1 && ( $word == :* || $colon ) ]]; then words[-1]+=$word; else words+=("$word"); fi
        [[ $word == *: ]] && colon=yes || colon=
    done
    local COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
    _netlang_completion "$1"
    word=${words[-1]}
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then COMPREPLY=("${COMPREPLY[@]#"${word%:*}:"}"); fi
}
complete -o nosort -F _netlang_colons netlang"""
VARIANT = re.compile(r"^variant\s+(\w+)", re.MULTILINE)


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the lines that make SHELL complete netlang's commands, options and files.

    bash: `eval "$(netlang completion bash)"` in ~/.bashrc; zsh: the same in ~/.zshrc; fish: `netlang completion fish |
    source` in ~/.config/fish/config.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(ctx.find_root().command, {}, "netlang", VARIABLE).source())
    if shell == "bash":
        click.echo(COLONS)


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The `.net` files, folders and shipped nets that begin so; behind a colon the variants of the file."""
    from netlang.catalogue import PREFIX, names

    path, colon, begun = incomplete.rpartition(":")
    if colon and path:
        found = sorted(name for name in _variants(path) if name.startswith(begun))
        return [CompletionItem(f"{path}:{name}") for name in found]
    folder = Path(incomplete).parent if not incomplete.endswith("/") else Path(incomplete)
    here = sorted(folder.iterdir()) if folder.is_dir() else []
    written = [
        str(entry) + ("/" if entry.is_dir() else "") for entry in here if entry.is_dir() or entry.suffix == ".net"
    ]
    shipped = [f"{PREFIX}{name}.net" for name in names()]
    return [CompletionItem(name) for name in [*written, *shipped] if name.startswith(incomplete)]


def _variants(path: str) -> list[str]:
    """The variants of a file, right or wrong; none of one that cannot be read."""
    from netlang.diagnostics import NetError
    from netlang.syntax.read import read

    try:
        return VARIANT.findall(read(path).text)
    except NetError:
        return []
