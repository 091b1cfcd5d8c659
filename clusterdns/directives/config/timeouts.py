"""`timeouts { read DURATION; write DURATION; idle DURATION; maxtcpqueries NUMBER }`: how long TCP connections live."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.limits import TCP_IDLE_SECONDS, TCP_QUERIES, TCP_READ_SECONDS, TCP_WRITE_SECONDS

_SECONDS = {"read": TCP_READ_SECONDS, "write": TCP_WRITE_SECONDS, "idle": TCP_IDLE_SECONDS}


@dataclass(frozen=True, slots=True)
class Config:
    """Seconds until a query has to be whole, an answer read, and the next query there.

    A connection is closed after `queries`; 0 is for no limit.
    """

    read: float = TCP_READ_SECONDS.default
    write: float = TCP_WRITE_SECONDS.default
    idle: float = TCP_IDLE_SECONDS.default
    queries: int = TCP_QUERIES.default_int


def parse(directive: Directive) -> Config:
    """Read one `timeouts`; ConfigError with its place on anything else."""
    reading.arguments(directive, 0, 0)
    times: dict[str, float] = {}
    queries = TCP_QUERIES.default_int
    for option in reading.options(directive, (*_SECONDS, "maxtcpqueries")):
        (token,) = reading.arguments(option, 1, 1)
        if option.name == "maxtcpqueries":
            queries = _queries(token)
        else:
            times[option.name] = reading.seconds(token, _SECONDS[option.name])
    return Config(**times, queries=queries)


def _queries(token: Token) -> int:
    # "a positive integer, or -1 to allow an unlimited number of queries per connection (the default)"
    return 0 if token.text == "-1" else max(1, reading.integer(token, TCP_QUERIES))
