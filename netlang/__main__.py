"""`python -m netlang` is the command `netlang`."""

from netlang.cli import main

main(prog_name="netlang")
