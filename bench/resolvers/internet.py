"""The Internet of the scene: `python -m bench.resolvers.internet ZONE-FILE PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from clusterdns.daemon.lifecycle import run
from clusterdns.demo.internet import Internet


async def _serve(zone_file: str, port: int, stop: asyncio.Event) -> int:
    internet = Internet(Path(zone_file), "127.0.0.1", port)
    await internet.start()
    await stop.wait()
    await internet.close()
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda stop: _serve(sys.argv[1], int(sys.argv[2]), stop)))
