"""The `cache` directive: rows of what it reads, and rows of what it refuses."""

from __future__ import annotations

import pytest

from clusterdns.cache.lifetime import Bounds
from clusterdns.directives.config import cache
from clusterdns.errors import ConfigError
from tests.unit.directives.config.parsing import read


def _part(capacity: int, minimum: int, maximum: int) -> cache.Part:
    return cache.Part(capacity, Bounds(minimum, maximum))


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("cache", cache.Config()),
        ("cache 30", cache.Config(success=_part(9984, 5, 30), denial=_part(9984, 5, 30))),
        ("cache 86400", cache.Config(success=_part(9984, 5, 86400), denial=_part(9984, 5, 10800))),
        ("cache example.org", cache.Config(("example.org.",))),
        ("cache 60 a 10.0.0.0/8", cache.Config(("a.", "10.in-addr.arpa."), _part(9984, 5, 60), _part(9984, 5, 60))),
        ("cache {\n success 5000\n denial 2500 9 1\n}", cache.Config((), _part(5000, 5, 3600), _part(2500, 1, 9))),
        ("cache 30 {\n success 5000\n}", cache.Config((), _part(5000, 5, 30), _part(9984, 5, 30))),
        ("cache {\n success 100\n}", cache.Config(success=_part(1024, 5, 3600))),
        ("cache {\n denial 9984 5 0\n}", cache.Config(denial=_part(9984, 0, 5))),
        ("cache {\n prefetch 10\n}", cache.Config(prefetch=cache.Prefetch(10, 60, 10))),
        ("cache {\n prefetch 10 2m 20%\n}", cache.Config(prefetch=cache.Prefetch(10, 120, 20))),
        ("cache {\n prefetch 0\n}", cache.Config()),
        ("cache {\n serve_stale\n}", cache.Config(serve_stale=cache.ServeStale(3600, "verify", 0.1, 30, 30))),
        ("cache {\n serve_stale 2h\n}", cache.Config(serve_stale=cache.ServeStale(7200))),
        ("cache {\n serve_stale verify 200ms\n}", cache.Config(serve_stale=cache.ServeStale(3600, "verify", 0.2))),
        ("cache {\n serve_stale 1h verify\n}", cache.Config(serve_stale=cache.ServeStale(3600, "verify"))),
        (
            "cache {\n serve_stale 1h verify 0 1s 5m\n}",
            cache.Config(serve_stale=cache.ServeStale(3600, "verify", 0, 1, 300)),
        ),
        (
            "cache {\n serve_stale immediate 0 10s\n}",
            cache.Config(serve_stale=cache.ServeStale(3600, "immediate", ttl=0, recheck=10)),
        ),
        (
            "cache {\n serve_stale_policy prefer_positive\n serve_stale 1h immediate\n}",
            cache.Config(serve_stale=cache.ServeStale(3600, "immediate", prefer_positive=True)),
        ),
        ("cache {\n servfail 0\n}", cache.Config(servfail=0)),
        ("cache {\n servfail 5m\n}", cache.Config(servfail=300)),
        (
            "cache {\n disable denial\n disable success a\n disable success b\n keepttl\n}",
            cache.Config(disable_success=("a.", "b."), disable_denial=(".",), keepttl=True),
        ),
    ],
)
def test_reads(text: str, config: cache.Config) -> None:
    assert read(text) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cache 0", "f:2:7: cache success TTL is 0, but must be between 1 and 604800 seconds"),
        ("cache -1", "f:2:7: cache success TTL is -1"),
        ("cache {\n sucess 9984\n}", 'f:3:2: unknown option "sucess" of cache; did you mean "success"?'),
        ("cache {\n success\n}", "f:3:2: success takes 1 to 3 arguments, but has 0"),
        ("cache {\n success many\n}", 'f:3:10: cache capacity needs a whole number, not "many"'),
        ("cache {\n success 99999999\n}", "f:3:10: cache capacity is 99999999, but must be between"),
        ("cache {\n denial 9984 0\n}", "f:3:14: cache denial TTL is 0, but must be between 1 and 10800 seconds"),
        ("cache {\n denial 9984 5 -1\n}", "f:3:16: cache minimum TTL is -1"),
        ("cache {\n prefetch\n}", "f:3:2: prefetch takes 1 to 3 arguments, but has 0"),
        ("cache {\n prefetch 1 1m 10\n}", 'f:3:16: "10" needs a percent sign, as in 10%'),
        ("cache {\n prefetch 1 1m 95%\n}", "f:3:16: prefetch percentage is 95, but must be between 10 and 90 %"),
        ("cache {\n serve_stale soon\n}", 'f:3:14: serve_stale duration: "soon" is not a duration'),
        ("cache {\n serve_stale 1h later\n}", 'f:3:17: unknown mode of serve_stale "later": write immediate or verify'),
        ("cache {\n serve_stale immediate 1s 1s 1s\n}", 'f:3:30: serve_stale has no place for "1s" here'),
        ("cache {\n serve_stale 1h verify 6s\n}", "f:3:24: verify timeout is 6, but must be between"),
        ("cache {\n serve_stale 1h verify 1s 2h\n}", "f:3:27: serve_stale TTL is 7200, but must be between"),
        ("cache {\n serve_stale 1h verify 1s 1s 6m\n}", "f:3:30: serve_stale recheck is 360, but must be between"),
        ("cache {\n serve_stale 1h verify 1s 1s 1s 1s\n}", "f:3:33: serve_stale takes at most 5 arguments"),
        ("cache {\n serve_stale_policy prefer_positive\n}", "f:3:2: serve_stale_policy needs serve_stale"),
        ("cache {\n servfail 6m\n}", "f:3:11: servfail duration is 360, but must be between 0 and 300 seconds"),
        ("cache {\n disable\n}", "f:3:2: disable takes at least 1 argument, but has 0"),
        ("cache {\n disable all\n}", 'f:3:10: unknown class of answers "all": write success or denial'),
        ("cache {\n keepttl 5\n}", "f:3:10: keepttl takes no arguments, but has 1"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(message)
