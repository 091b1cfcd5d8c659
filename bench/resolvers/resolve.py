"""`resolve.py python|cares NAME`: "MICROSECONDS ADDRESS...", without addresses if there are none.

`python` is socket.getaddrinfo, which is the C library's; `cares` is c-ares, by aiodns.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time

import aiodns
import pycares

_MISSING = {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA}


def by_python(name: str) -> list[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            return []
        raise


async def by_cares(name: str) -> list[str]:
    async with aiodns.DNSResolver() as resolver:
        try:
            found = await resolver.getaddrinfo(name, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            if error.args[0] in _MISSING:
                return []
            raise
        return [node.addr[0].decode() if isinstance(node.addr[0], bytes) else node.addr[0] for node in found.nodes]


def main() -> None:
    how, name = sys.argv[1:]
    before = time.perf_counter()
    addresses = by_python(name) if how == "python" else asyncio.run(by_cares(name))
    print(round((time.perf_counter() - before) * 1e6), *addresses)


if __name__ == "__main__":
    main()
