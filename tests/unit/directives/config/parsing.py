"""One directive of a Corefile, read."""

from __future__ import annotations

from typing import Any

from clusterdns.corefile.parse import parse
from clusterdns.directives.config.server import STANDARD


def read(text: str) -> Any:
    """The Config of a directive, which begins in line 2 of the file `f`."""
    ((directive,),) = (block.directives for block in parse(f". {{\n{text}\n}}", "f", environ={}).server_blocks)
    return STANDARD[directive.name](directive)
