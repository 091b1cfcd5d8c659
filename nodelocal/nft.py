"""The program nft, which hands rules to the kernel in one transaction: all of them, or none.

    nodelocal/nftables.py: text ──► apply ──► nft -f - ──► kernel

Beside a service that must end in time nothing here waits for long: nft is killed after INTERCEPTION_STEP_SECONDS. There
is no lock to wait for, as iptables has; the kernel takes one transaction after the other.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from clusterdns.errors import ClusterDNSError, KernelUnsupported
from clusterdns.limits import INTERCEPTION_STEP_SECONDS

_FEATURE = "keeping DNS packets out of connection tracking"
_NO_TABLE = "No such file or directory"
_FORBIDDEN = "Operation not permitted"
_REAP_SECONDS = 0.2
"""For the end of a killed process, which is at once unless it hangs inside the kernel."""


class RulesNotChanged(ClusterDNSError):
    """nft gave no answer in time, or could not be run now."""

    retryable = True


async def apply(script: str) -> None:
    """Hand `script` to the kernel.

    Raises KernelUnsupported where there is no nft, no privilege or a kernel without what the rules use, and
    RulesNotChanged.
    """
    status, _, complaint = await _run("-f", "-", script=script)
    if status:
        raise _explain(complaint)


async def listing(family: str, table: str) -> str:
    """A table as text, without the elements of its sets; empty if there is none. Raises as `apply`."""
    status, text, complaint = await _run("--stateless", "--terse", "list", "table", family, table)
    if not status:
        return text
    if _NO_TABLE in complaint:
        return ""
    raise _explain(complaint)


async def elements(family: str, table: str, name: str) -> tuple[str, ...]:
    """The addresses that are in a set now. Raises as `apply`."""
    status, text, complaint = await _run("list", "set", family, table, name)
    if status:
        raise _explain(complaint)
    _, _, listed = text.partition("elements = {")
    return tuple(element.split()[0] for element in listed.partition("}")[0].split(",") if element.strip())


async def _run(*arguments: str, script: str = "") -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec("nft", *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    except FileNotFoundError:
        raise KernelUnsupported(_FEATURE, "the program nft (Debian package nftables)") from None
    except OSError as error:
        raise RulesNotChanged(f"nft can't be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(INTERCEPTION_STEP_SECONDS.default):
            output, complaint = await process.communicate(script.encode())
    except TimeoutError:
        raise RulesNotChanged(f"nft has not ended in {INTERCEPTION_STEP_SECONDS.default:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_REAP_SECONDS):
                    await process.communicate()
    return process.returncode or 0, output.decode(errors="replace"), complaint.decode(errors="replace")


def _explain(complaint: str) -> KernelUnsupported:
    if _FORBIDDEN in complaint:
        return KernelUnsupported(_FEATURE, "CAP_NET_ADMIN")
    first = next(iter(complaint.splitlines()), "no word why")
    return KernelUnsupported(_FEATURE, f"nf_tables with NAT and dynamic sets (Linux 4.18); nft says: {first}")
