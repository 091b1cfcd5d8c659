"""Requests to an API server are spread as `apiserver_qps`, `_burst` and `_max_inflight` say; on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.kube.access import Access
from clusterdns.kube.pace import Pace, TokenBucket
from tests.support import virtual_time

# (rate, size, moments of the requests, how long each waits)
BUCKETS = [
    (1, 1, [0, 0, 0], [0, 1, 2]),
    (2, 3, [0, 0, 0, 0, 0], [0, 0, 0, 0.5, 1]),
    (2, 3, [0, 0, 0, 10, 10, 10, 10], [0, 0, 0, 0, 0, 0, 0.5]),
    (0.5, 1, [0, 1, 1], [0, 1, 3]),
    (4, 1, [0, 0.25, 0.5], [0, 0, 0]),
]


@pytest.mark.parametrize(("rate", "size", "moments", "waits"), BUCKETS)
def test_token_bucket(rate: float, size: int, moments: list[float], waits: list[float]) -> None:
    bucket = TokenBucket(rate, size, 0.0)
    assert [bucket.take(now) for now in moments] == waits


# (limits, how long each of five requests takes, when each begins)
PACES = [
    (Access(), 1.0, [0, 0, 0, 0, 0]),
    (Access(qps=2), 0.0, [0, 0.5, 1, 1.5, 2]),
    (Access(qps=2, burst=4), 0.0, [0, 0, 0, 0, 0.5]),
    (Access(max_inflight=2), 1.0, [0, 0, 1, 1, 2]),
    (Access(qps=4, burst=5, max_inflight=1), 1.0, [0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("access", "seconds", "begins"), PACES)
def test_requests_begin_when_they_may(access: Access, seconds: float, begins: list[float]) -> None:
    async def main() -> list[float]:
        pace, began = Pace(access), []
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def ask() -> None:
            async with pace.request():
                began.append(loop.time() - start)
                await asyncio.sleep(seconds)

        await asyncio.gather(*(ask() for _ in range(5)))
        return began

    assert virtual_time.run(main()) == pytest.approx(begins, abs=0.01)
