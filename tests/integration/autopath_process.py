"""autopath as its users start it, over a Corefile of the test's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from clusterdns.demo.processes import Program, free_ports


class Autopath:
    """It answers on `port` of 127.0.0.1, and runs while a block does; it can be stopped and started in it."""

    def __init__(
        self, folder: Path, *, ports: Sequence[str] = (), flags: Sequence[str] = (), ready_status: int = 200
    ) -> None:
        """`ports` are names of others that the Corefile has; once it runs, `/ready` says `ready_status`."""
        names = ("port", "ready", *ports)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.port = self.ports["port"]
        self.ready = f"http://127.0.0.1:{self.ports['ready']}/ready"
        self.corefile = folder / "Corefile"
        arguments = ["-conf", str(self.corefile), *flags]
        self.program = Program("autopath", "autopath.service", arguments, {}, folder, self.ready, ready_status)

    def write_corefile(self, text: str, **values: object) -> None:
        """Write it; the ports and `values` are filled in by their names."""
        self.corefile.write_text(text.format(**self.ports, **values))

    async def __aenter__(self) -> Self:
        try:
            await self.program.start()
        except BaseException:
            await self.program.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.program.stop()
