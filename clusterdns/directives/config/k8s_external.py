"""`k8s_external [ZONES...] { options }`: zones of the addresses by which Services are reached from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.limits import KUBERNETES_TTL, LABEL_BYTES


@dataclass(frozen=True, slots=True)
class Config:
    """`zones` is empty for those of the server block; `apex` is the label of the zone's own names.

    With `headless`, endpoints of headless Services have names, too. `fallthrough` lists the zones whose denials the
    next directive may turn into answers.
    """

    zones: tuple[str, ...] = ()
    apex: str = "dns"
    ttl: int = KUBERNETES_TTL.default_int
    headless: bool = False
    fallthrough: tuple[str, ...] = ()


def parse(directive: Directive) -> Config:
    """Read `k8s_external`; ConfigError with its place on anything else."""
    config = Config(reading.zones(directive.args))
    for option in reading.options(directive, _OPTIONS):
        config = _OPTIONS[option.name](config, option)
    return config


def _apex(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    name = reading.name(token).removesuffix(".")
    if not name or "." in name or len(name) > LABEL_BYTES.maximum:
        raise token.error(f'"{token.text}" is no label: write one such as dns')
    return replace(config, apex=name)


def _ttl(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, ttl=reading.integer(token, KUBERNETES_TTL))


def _headless(config: Config, option: Directive) -> Config:
    return replace(config, headless=reading.flag(option))


def _fallthrough(config: Config, option: Directive) -> Config:
    return replace(config, fallthrough=reading.zones(option.args) or (".",))


_OPTIONS: dict[str, Callable[[Config, Directive], Config]] = {
    "apex": _apex,
    "fallthrough": _fallthrough,
    "headless": _headless,
    "ttl": _ttl,
}
