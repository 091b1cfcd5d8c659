"""`resolve.py socket|cares|getent NAME`: "MICROSECONDS ADDRESS...", without addresses if there are none.

`socket` is socket.getaddrinfo, which is the C library's; `cares` is c-ares, by aiodns; `getent` is getent(1), with the
time that its start takes.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time

import aiodns
import pycares

_MISSING = {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA}


def by_socket(name: str) -> list[str]:
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


def by_getent(name: str) -> list[str]:
    done = subprocess.run(["getent", "ahosts", name], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 2):  # 2: "keys could not be found"
        raise subprocess.CalledProcessError(done.returncode, "getent")
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


def main() -> None:
    how, name = sys.argv[1:]
    before = time.perf_counter()
    if how == "cares":
        addresses = asyncio.run(by_cares(name))
    else:
        addresses = {"socket": by_socket, "getent": by_getent}[how](name)
    print(round((time.perf_counter() - before) * 1e6), *addresses)


if __name__ == "__main__":
    main()
