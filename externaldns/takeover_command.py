"""`externaldns adopt` and `externaldns transfer`: take records over, after showing which.

    externaldns adopt [--any-value] [--apply] FLAGS                  records that nobody owns
    externaldns transfer --from-owner=OWNER [--apply] FLAGS          another owner's records

FLAGS are those of the controller (--policy may be missing). Without --apply it only prints what it would do. What it
decides is in `externaldns.takeover`; no value is changed, and nothing is ever deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from clusterdns.errors import ConfigError
from externaldns.config import RegistryConfig
from externaldns.domain_filter import DomainFilter, Zones
from externaldns.ownership import Registry, TxtRegistry, ZoneOf
from externaldns.ownership_names import OwnershipNames
from externaldns.plan import Scope
from externaldns.providers.provider import Provider, Snapshot
from externaldns.record import OWNER_LABEL, Endpoint
from externaldns.remark_registry import RemarkRegistry
from externaldns.takeover import Takeover, propose

COMMANDS = ("adopt", "transfer")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; `giver` is the owner to take from, "" for nobody."""

    giver: str = ""
    any_value: bool = False
    apply: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be taken over: the names, and the record types."""

    domains: DomainFilter
    record_types: frozenset[str]


def read_request(arguments: Sequence[str]) -> tuple[Request, list[str]]:
    """Read a command line that begins with `adopt` or `transfer`; return the request and the controller's flags."""
    command, request, rest = arguments[0], Request(), []
    for argument in arguments[1:]:
        name, _, value = argument.partition("=")
        match name:
            case "--apply":
                request = replace(request, apply=True)
            case "--any-value":
                request = replace(request, any_value=True)
            case "--from-owner" if command == "transfer":
                request = replace(request, giver=value)
            case "--from-owner":
                raise ConfigError("adopt takes what nobody owns; write externaldns transfer", source=name)
            case _:
                rest.append(argument)
    if command == "transfer" and not request.giver:
        raise ConfigError("is required: write --from-owner=OWNER", source="--from-owner")
    # Nothing here depends on the policy, so that it need not be said.
    return request, ["--policy=create-only", *rest]


def build_taking_registry(config: RegistryConfig, request: Request) -> Registry:
    """Make the registry that the records go into; ConfigError if it knows no owners, or the giver is the taker."""
    if config.registry == "noop":
        raise ConfigError("has no owners: nothing can be taken over", source="--registry=noop")
    if request.giver == config.owner_id:
        raise ConfigError(f"{request.giver!r} is --txt-owner-id already", source="--from-owner")
    if config.registry == "remark":
        return RemarkRegistry(config.owner_id, request.giver)
    return _txt_registry(config)


async def take_over(
    request: Request,
    config: RegistryConfig,
    wanted: Sequence[Endpoint],
    provider: Provider,
    reach: Reach,
    tell: Callable[[str], None],
) -> bool:
    """Tell what is taken over, and do it if asked to; return False if some of it could not be done."""
    registry = build_taking_registry(config, request)
    snapshot = await provider.read()
    snapshot.require_whole()
    zones = Zones(snapshot.zones)
    view = registry.read(snapshot.records, zones.find)
    desired = await provider.adjust(wanted)
    scope = Scope(
        config.owner_id, reach.record_types, lambda name: reach.domains.match(name) and zones.find(name) != ""
    )
    current = view.endpoints
    if isinstance(registry, RemarkRegistry):
        current = tuple(_owned_by_txt(current, config, snapshot, zones.find))
    takeover = propose(current, desired, scope, request.giver, any_value=request.any_value)
    for line in describe(takeover):
        tell(line)
    if not takeover.taken:
        return True
    if not request.apply:
        tell("nothing has been written; with --apply it is done")
        return True
    results = await provider.apply(view.claim(takeover.taken))
    failed = [result for result in results if result.error is not None]
    for result in failed:
        tell(f"{result.change.name}: {result.error}")
    tell(f"{len(results) - len(failed)} names done, {len(failed)} failed")
    return not failed


def describe(takeover: Takeover) -> Iterable[str]:
    """Yield the lines that say what is taken, what is left and why, and how many there are of each."""
    for old, new in takeover.taken:
        giver = f"{old.owner!r} hands it over" if old.owner else "nobody owns it"
        words = sorted({remark for remark in old.remarks.values() if remark})
        lost = f"; its remark {' '.join(map(repr, words))} is replaced" if words and not old.owner else ""
        yield f"take {_show(old)}: {new.resource} asks for it, {giver}{lost}"
    for left in takeover.left:
        yield f"leave {_show(left.record)}: {left.reason}"
    yield f"{len(takeover.taken)} records to take, {len(takeover.left)} left as they are"


def _show(record: Endpoint) -> str:
    return f"{record.dns_name} {record.record_type} {' '.join(record.targets)}"


def _owned_by_txt(
    records: Iterable[Endpoint], config: RegistryConfig, snapshot: Snapshot, zone_of: ZoneOf
) -> Iterable[Endpoint]:
    """Yield `records` with the owners that TXT records give those without a remark; ours are as good as nobody's."""
    view = _txt_registry(config).read(snapshot.records, zone_of)
    owners = {record.key: record.owner for record in view.endpoints}
    for record in records:
        owner = owners.get(record.key, "")
        by_others = not record.owner and owner not in ("", config.owner_id)
        yield record.with_label(OWNER_LABEL, owner) if by_others else record


def _txt_registry(config: RegistryConfig) -> TxtRegistry:
    names = OwnershipNames(config.prefix, config.suffix, config.wildcard_replacement)
    return TxtRegistry(config.owner_id, names, config.codec)
