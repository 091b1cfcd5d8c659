"""A directive's handler from its lines in a Corefile.

handle = handler("acl {\n block net 10.0.0.0/8\n}", behind.handle)
reply = answer(handle(request("web.example.org.")))
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from clusterdns.corefile.parse import parse
from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.parts import Parts
from clusterdns.directives.transfer import Transferable
from clusterdns.errors import UpstreamFailure
from clusterdns.wire.names import name_from_text


@dataclass
class Place:
    """What a handler may use of its server: its block's zones, who answers any name, who has whole zones, counters."""

    zones: tuple[bytes, ...]
    resolve: Handler
    transferable: list[Transferable]
    parts: Parts = field(default_factory=Parts)
    events: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def count(self, what: str, *labels: str) -> None:
        """What directives did is in `events`."""
        self.events[what, *labels] += 1


async def nobody(request: Request) -> Reply:
    """The end of a chain that nothing is behind."""
    raise UpstreamFailure("this server", "no directive of the server block answers for the name")


def handler(
    lines: str,
    following: Handler = nobody,
    *,
    resolve: Handler | None = None,
    zones: Sequence[str] = (".",),
    transferable: Sequence[Transferable] = (),
) -> Handler:
    """The directives in `lines`, the first one in front, each before the next and all before `following`.

    `resolve` is the whole server: without it, these directives.
    """
    (block,) = parse(f". {{\n{lines}\n}}", "f", environ={}).server_blocks
    chain = following

    async def whole(request: Request) -> Reply:
        return await chain(request)

    place = Place(tuple(map(name_from_text, zones)), resolve or whole, list(transferable))
    for directive in reversed(block.directives):
        config = importlib.import_module(f"clusterdns.directives.config.{directive.name}").parse(directive)
        chain = importlib.import_module(f"clusterdns.directives.{directive.name}").make(config, place, chain)
    return chain
