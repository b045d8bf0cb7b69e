"""What a net costs: parameters, MACs, FLOPs, memory and receptive fields, a row per layer.

rows.py         the figures of each layer, and of the net
fields.py       receptive fields and jumps
conventions.py  MACs as other tools count them
folding.py      blocks as one row
table.py        the table for people
"""

from netlang.report.conventions import CONVENTIONS
from netlang.report.folding import folded
from netlang.report.rows import Ends, Memory, Row, Summary, summary
from netlang.report.table import size

__all__ = ["CONVENTIONS", "Ends", "Memory", "Row", "Summary", "folded", "size", "summary"]
