"""How the demo looks: the story as it happens, the table, and one line of JSON for machines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from clusterdns.daemon.lifecycle import run
from clusterdns.demo.story import Outcome, Step, tell_story
from clusterdns.demo.suite import Suite
from clusterdns.errors import ClusterDNSError

_WIDTH = 120


def show(examples: Path, *, once: bool, as_json: bool) -> int:
    """Run the demo; returns the exit code: 0 if it shows what it promises."""
    return run(lambda stop: _show(examples, stop, once=once, as_json=as_json))


async def _show(examples: Path, stop: asyncio.Event, *, once: bool, as_json: bool) -> int:
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _WIDTH  # a log file is as wide as it needs to be

    async def linger(suite: Suite) -> None:
        if once:
            return
        nameserver = suite.pod("127.0.10.1", "kube-system").nameserver
        console.print(
            f"\nThe suite goes on. Be the pod yourself:\n"
            f"  dig -b 127.0.10.1 @{nameserver[0]} -p {nameserver[1]} aliyun.com.kube-system.svc.cluster.local\n"
            f"Its cluster is the folder {suite.cluster}; logs are beside it. Ctrl-C ends everything."
        )
        await stop.wait()

    telling = asyncio.ensure_future(tell_story(examples, lambda text: console.print(text, markup=False), linger))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((telling, stopping), return_when=asyncio.FIRST_COMPLETED)
    try:
        if not telling.done() and once:
            telling.cancel()
        steps, outcome = await telling
    except asyncio.CancelledError:
        return 130
    except ClusterDNSError as failure:
        console.print(f"The demo failed: {failure}", markup=False)
        return 1
    finally:
        stopping.cancel()
    console.print(_table(steps))
    if as_json:
        console.file.write(json.dumps(outcome.as_json()) + "\n")
    return 0 if _as_promised(outcome) else 1


def _table(steps: list[Step]) -> Table:
    table = Table(title=f"One look-up of {steps[0].lookup.name}")
    for heading in ("", "queries sent by the pod", "reached autopath", "reached the Internet", "time", "answered by"):
        table.add_column(heading, justify="left" if heading in ("", "answered by") else "right")
    for step in steps:
        table.add_row(
            step.title,
            str(step.lookup.sent),
            str(step.reached_autopath),
            str(step.reached_internet),
            f"{step.lookup.seconds * 1000:.1f} ms",
            step.source,
        )
    return table


def _as_promised(outcome: Outcome) -> bool:
    return (
        outcome.queries_without_autopath == 4
        and outcome.queries_with_autopath == 1
        and outcome.repeat_reached_upstream == 0
        and outcome.privatezone_after_delete == "NXDOMAIN"
        and outcome.privatezone_answer not in ("NXDOMAIN", "SERVFAIL")
    )
