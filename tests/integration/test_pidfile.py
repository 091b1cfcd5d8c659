"""-pidfile of a running autopath: empty until it listens, as CoreDNS writes it then, and gone at the end, as there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.integration.autopath_process import Autopath
from tests.support.until import until

COREFILE = ".:{port} {{\n bind 127.0.0.1\n ready 127.0.0.1:{ready}\n whoami\n {more}\n}}\n"


@pytest.mark.parametrize("more", ["", "multisocket 2"], ids=["one process", "two"])
def test_it_is_written_when_autopath_listens(tmp_path: Path, more: str) -> None:
    async def main() -> None:
        pid_file = tmp_path / "autopath.pid"
        pid_file.write_text("4711\n")  # of a process that was killed
        autopath = Autopath(tmp_path, flags=["-pidfile", str(pid_file)])
        autopath.write_corefile(COREFILE, more=more)
        program = autopath.program
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", autopath.port))
            starting = asyncio.create_task(program.start())
            await until(lambda: "trying again" in program.log_end())
            assert pid_file.read_text() == ""
        try:
            await starting
            await until(lambda: bool(pid_file.read_text()))
            assert pid_file.read_text() == f"{program.pid}\n"
        finally:
            await program.stop()
        assert not pid_file.exists()

    asyncio.run(main())
