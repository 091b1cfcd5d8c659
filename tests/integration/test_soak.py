"""Half a minute of everything at once: no wrong answer, no leak. `python -m bench.soak` does it for ten minutes."""

from __future__ import annotations

import asyncio

from bench.soak import soak

SECONDS = 30.0


def test_soak() -> None:
    findings = asyncio.run(soak(SECONDS))
    assert findings.wrong == []
    assert findings.outcomes["NOERROR"] > 1000
    assert findings.outcomes["garbage"] > 0
    # A connection or two more may be on their way at the moment of a sample; a leak is hundreds.
    assert max(findings.sockets) - min(findings.sockets) < 60
    # Misses fill the caches all the while: 9,984 answers are some 15 MB.
    assert max(findings.memory_bytes) - min(findings.memory_bytes) < 40e6
