"""nodelocal with its interception, which hangs in the middle of its serving loop when SIGUSR2 tells it to."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import replace
from types import FrameType

from clusterdns import __version__
from clusterdns.daemon import flags, lifecycle, logs
from nodelocal.flags import FLAGS, options_of
from nodelocal.interception import Interception
from nodelocal.service import serve
from nodelocal.setup_errors import SetupErrors


def hang(number: int, frame: FrameType | None) -> None:
    """Never return to the loop."""
    time.sleep(3600)


async def main(stop: asyncio.Event) -> int:
    options = options_of(flags.parse(FLAGS, sys.argv[1:], program="nodelocal", version=__version__))
    logs.setup(options.log_level, options.log_format)
    interception = Interception(options, SetupErrors())
    interception.set_endpoints(options.cluster_dns.servers)
    await interception.start()
    keeping = lifecycle.eternal("interception", interception.keep)
    quiet = asyncio.Event()
    serving = asyncio.create_task(serve(replace(options, setup_interface=False, setup_iptables=False), quiet))
    await stop.wait()
    keeping.cancel()
    await interception.withdraw()
    await asyncio.sleep(0.5)
    quiet.set()
    code = await serving
    await interception.stop(5.0)
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, hang)
    sys.exit(lifecycle.run(main))
