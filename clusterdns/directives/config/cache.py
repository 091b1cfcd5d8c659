"""`cache [TTL] [ZONES...] { ... }`: what to keep of the answers of the directives behind, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from clusterdns.cache.lifetime import DENIAL, SUCCESS, Bounds
from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.limit import Limit
from clusterdns.limits import (
    CACHE_CLIENT_RESPONSE_SECONDS,
    CACHE_DENIAL_SECONDS,
    CACHE_ENTRIES,
    CACHE_MINIMUM_SECONDS,
    CACHE_PREFETCH_AMOUNT,
    CACHE_PREFETCH_PERCENT,
    CACHE_PREFETCH_SECONDS,
    CACHE_RECHECK_SECONDS,
    CACHE_SERVFAIL_SECONDS,
    CACHE_STALE_SECONDS,
    CACHE_STALE_TTL_SECONDS,
    CACHE_SUCCESS_SECONDS,
)

_OPTIONS = (
    "success", "denial", "prefetch", "serve_stale", "serve_stale_policy", "servfail", "disable", "keepttl"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """The cache of one class of answers: how many, and the bounds of their TTLs."""

    capacity: int
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Ask again, ahead of time, for what was asked `amount` times with no gap over `window` seconds.

    Ahead of time is when less than `percent` of the TTL is left.
    """

    amount: int
    window: float = CACHE_PREFETCH_SECONDS.default
    percent: int = CACHE_PREFETCH_PERCENT.default_int


@dataclass(frozen=True, slots=True)
class ServeStale:
    """Answer from entries up to `seconds` past their end (RFC 8767).

    `verify` asks upstream first, for `verify_seconds` (0: as long as it takes); `immediate` asks after answering.
    Such answers have the TTL `ttl`. A name whose refresh failed is left alone for `recheck` seconds.
    `prefer_positive` has no denial or failure take the place of a positive answer that may still be given.
    """

    seconds: float = CACHE_STALE_SECONDS.default
    mode: Literal["immediate", "verify"] = "verify"
    verify_seconds: float = CACHE_CLIENT_RESPONSE_SECONDS.default
    ttl: int = CACHE_STALE_TTL_SECONDS.default_int
    recheck: float = CACHE_RECHECK_SECONDS.default
    prefer_positive: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """`zones` is empty for those of the server block.

    `prefetch` and `serve_stale` are None where they are off; `servfail` is seconds; `disable_success` and
    `disable_denial` are the zones whose answers of that class are not kept.
    """

    zones: tuple[str, ...] = ()
    success: Part = Part(CACHE_ENTRIES.default_int, SUCCESS)
    denial: Part = Part(CACHE_ENTRIES.default_int, DENIAL)
    prefetch: Prefetch | None = None
    serve_stale: ServeStale | None = None
    servfail: float = CACHE_SERVFAIL_SECONDS.default
    disable_success: tuple[str, ...] = ()
    disable_denial: tuple[str, ...] = ()
    keepttl: bool = False


def parse(directive: Directive) -> Config:
    """Read one `cache`; ConfigError with its place on anything else."""
    config = Config()
    args = directive.args
    if args and reading.is_integer(args[0].text):
        config, args = _capped(config, args[0]), args[1:]
    config = replace(config, zones=reading.zones(args))
    policy = None
    for option in reading.options(directive, _OPTIONS):
        if option.name == "success":
            config = replace(config, success=_part(option, config.success, CACHE_SUCCESS_SECONDS))
        elif option.name == "denial":
            config = replace(config, denial=_part(option, config.denial, CACHE_DENIAL_SECONDS))
        elif option.name == "prefetch":
            config = replace(config, prefetch=_prefetch(option))
        elif option.name == "serve_stale":
            config = replace(config, serve_stale=_serve_stale(option))
        elif option.name == "serve_stale_policy":
            (token,) = reading.arguments(option, 1, 1)
            reading.keyword(token, ("prefer_positive",), "policy")
            policy = option
        elif option.name == "servfail":
            (token,) = reading.arguments(option, 1, 1)
            config = replace(config, servfail=reading.seconds(token, CACHE_SERVFAIL_SECONDS))
        elif option.name == "disable":
            config = _disabled(config, option)
        else:
            config = replace(config, keepttl=reading.flag(option))
    if policy is None:
        return config
    if config.serve_stale is None:
        raise policy.position.error("serve_stale_policy needs serve_stale")
    return replace(config, serve_stale=replace(config.serve_stale, prefer_positive=True))


def _capped(config: Config, token: Token) -> Config:
    """`cache 30`: one cap for both classes. What RFC 2308 section 5 keeps short stays under its own maximum."""
    ttl = _ttl(token, CACHE_SUCCESS_SECONDS)
    denial = min(ttl, int(CACHE_DENIAL_SECONDS.maximum))
    return replace(
        config,
        success=replace(config.success, bounds=replace(config.success.bounds, maximum=ttl)),
        denial=replace(config.denial, bounds=replace(config.denial.bounds, maximum=denial)),
    )


def _part(option: Directive, part: Part, limit: Limit) -> Part:
    capacity, *times = reading.arguments(option, 1, 3)
    # CoreDNS takes a smaller number, and makes it this one without a word.
    entries = max(reading.integer(capacity, replace(CACHE_ENTRIES, minimum=0)), int(CACHE_ENTRIES.minimum))
    maximum = _ttl(times[0], limit) if times else part.bounds.maximum
    minimum = reading.integer(times[1], CACHE_MINIMUM_SECONDS) if len(times) > 1 else part.bounds.minimum
    return Part(entries, Bounds(minimum, maximum))


def _ttl(token: Token, limit: Limit) -> int:
    # "cache TTL can not be zero or negative" (CoreDNS): it would be a cache that keeps nothing.
    return reading.integer(token, replace(limit, minimum=1))


def _prefetch(option: Directive) -> Prefetch | None:
    amount, *rest = reading.arguments(option, 1, 3)
    window, percent = CACHE_PREFETCH_SECONDS.default, CACHE_PREFETCH_PERCENT.default_int
    if rest:
        window = reading.seconds(rest[0], CACHE_PREFETCH_SECONDS)
    if len(rest) > 1:
        number = rest[1].text.removesuffix("%")
        if number == rest[1].text:
            raise rest[1].error(f'"{number}" needs a percent sign, as in 10%')
        percent = reading.integer(replace(rest[1], text=number), CACHE_PREFETCH_PERCENT)
    count = reading.integer(amount, CACHE_PREFETCH_AMOUNT)
    return Prefetch(count, window, percent) if count else None


def _serve_stale(option: Directive) -> ServeStale:
    """`[DURATION] [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]`."""
    words = list(reading.arguments(option, 0, 5))
    stale = ServeStale()
    if words and words[0].text not in ("immediate", "verify"):
        stale = replace(stale, seconds=reading.seconds(words.pop(0), CACHE_STALE_SECONDS))
    if words:
        mode = reading.keyword(words.pop(0), ("immediate", "verify"), "mode of serve_stale")
        stale = replace(stale, mode="verify" if mode == "verify" else "immediate")
    if words and stale.mode == "verify":
        stale = replace(stale, verify_seconds=reading.seconds(words.pop(0), CACHE_CLIENT_RESPONSE_SECONDS))
    if words:
        stale = replace(stale, ttl=math.ceil(reading.seconds(words.pop(0), CACHE_STALE_TTL_SECONDS)))
    if words:
        stale = replace(stale, recheck=reading.seconds(words.pop(0), CACHE_RECHECK_SECONDS))
    if words:
        usage = "[DURATION] [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]"
        raise words[0].error(f'serve_stale has no place for "{words[0].text}" here: write {usage}')
    return stale


def _disabled(config: Config, option: Directive) -> Config:
    kind, *zones = reading.arguments(option, 1)
    # Without zones it is disabled for all.
    disabled = reading.zones(zones) or (".",)
    if reading.keyword(kind, ("success", "denial"), "class of answers") == "success":
        return replace(config, disable_success=config.disable_success + disabled)
    return replace(config, disable_denial=config.disable_denial + disabled)
