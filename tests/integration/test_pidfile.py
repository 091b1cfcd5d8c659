"""-pidfile of a running autopath: empty until it listens, as CoreDNS writes it then, and gone at the end, as there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from clusterdns.demo.processes import Program, free_ports
from tests.support.until import until

COREFILE = ".:{port} {{\n bind 127.0.0.1\n ready 127.0.0.1:{ready}\n whoami\n {more}\n}}\n"


@pytest.mark.parametrize("more", ["", "multisocket 2"], ids=["one process", "two"])
def test_it_is_written_when_autopath_listens(tmp_path: Path, more: str) -> None:
    async def main() -> None:
        port, ready = free_ports(2)
        pid_file = tmp_path / "autopath.pid"
        pid_file.write_text("4711\n")  # of a process that was killed
        corefile = tmp_path / "Corefile"
        corefile.write_text(COREFILE.format(port=port, ready=ready, more=more))
        arguments = ["-conf", str(corefile), "-pidfile", str(pid_file)]
        url = f"http://127.0.0.1:{ready}/ready"
        autopath = Program("autopath", "autopath.service", arguments, {}, tmp_path, url)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", port))
            starting = asyncio.create_task(autopath.start())
            await until(lambda: "trying again" in autopath.log_end())
            assert pid_file.read_text() == ""
        try:
            await starting
            await until(lambda: bool(pid_file.read_text()))
            assert pid_file.read_text() == f"{autopath.pid}\n"
        finally:
            await autopath.stop()
        assert not pid_file.exists()

    asyncio.run(main())
