"""`hosts [FILE [ZONES...]] { entries and options }`: answers from a hosts(5) file and from lines in the Corefile."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.limits import HOSTS_RELOAD_SECONDS, HOSTS_TTL

_OPTIONS = ("ttl", "no_reverse", "reload", "fallthrough", "fallthrough_unsupported")


@dataclass(frozen=True, slots=True)
class Config:
    """`inline` is hosts(5) text, a line for each entry of the block. `zones` is empty for those of the server block.

    `reload` is seconds, 0 for never. `fallthrough` are the zones whose unknown names go on to the next directive:
    None for no zone, `(".",)` for all. With `fallthrough_unsupported` questions for other types than A, AAAA and PTR
    go on there, too.
    """

    path: str = "/etc/hosts"
    zones: tuple[str, ...] = ()
    inline: str = ""
    ttl: int = HOSTS_TTL.default_int
    reverse: bool = True
    reload: float = HOSTS_RELOAD_SECONDS.default
    fallthrough: tuple[str, ...] | None = None
    fallthrough_unsupported: bool = False


def parse(directive: Directive) -> Config:
    """Read one `hosts`; ConfigError with its place on anything else."""
    path = "/etc/hosts"
    if directive.args:
        path = reading.path(directive.args[0])
    inline: list[str] = []
    settings: list[Directive] = []
    for line in directive.block or ():
        if reading.is_address(line.name):
            inline.append(_entry(line))
        else:
            settings.append(line)
    ttl, reverse, reload, fallthrough = HOSTS_TTL.default_int, True, HOSTS_RELOAD_SECONDS.default, None
    unsupported: Directive | None = None
    block = Directive(directive.name, directive.args, tuple(settings), directive.position)
    for option in reading.options(block, _OPTIONS):
        if option.name == "fallthrough":
            fallthrough = reading.zones(option.args) or (".",)
        elif option.name == "no_reverse":
            reverse = not reading.flag(option)
        elif option.name == "fallthrough_unsupported" and reading.flag(option):
            unsupported = option
        else:
            (token,) = reading.arguments(option, 1, 1)
            if option.name == "ttl":
                ttl = reading.integer(token, HOSTS_TTL)
            else:
                reload = reading.seconds(token, HOSTS_RELOAD_SECONDS)
    if unsupported and fallthrough is None:
        raise unsupported.position.error("fallthrough_unsupported needs fallthrough")
    zones = reading.zones(directive.args[1:])
    return Config(path, zones, "".join(inline), ttl, reverse, reload, fallthrough, unsupported is not None)


def _entry(line: Directive) -> str:
    reading.no_block(line)
    names = reading.arguments(line, 1)
    for token in names:
        reading.name(token)
    return " ".join([line.name, *(token.text for token in names)]) + "\n"
