"""A wheel carries the grammar's tables: see netlang/syntax/grammar.py."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Tables(BuildHookInterface):
    """Makes them for a wheel. An editable installation is a checkout, whose grammar may change."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the file among those of the wheel."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from netlang.syntax import grammar

        self.made = tempfile.TemporaryDirectory()
        path = Path(self.made.name, grammar.TABLES)
        path.write_text(grammar.tables(Path(self.root, "grammars")), encoding="utf8")
        build_data["force_include"][str(path)] = f"netlang/grammars/{grammar.TABLES}"
