"""The registry that --registry names, made from its flags."""

from __future__ import annotations

from externaldns.config import RegistryConfig
from externaldns.ownership import NoRegistry, Registry, TxtRegistry
from externaldns.ownership_names import OwnershipNames
from externaldns.remark_registry import RemarkRegistry


def build_registry(config: RegistryConfig) -> Registry:
    """Make the registry; ConfigError if the owner does not fit into it."""
    match config.registry:
        case "noop":
            return NoRegistry()
        case "remark":
            return RemarkRegistry(config.owner_id, config.migrate_from)
        case _:
            names = OwnershipNames(config.prefix, config.suffix, config.wildcard_replacement)
            return TxtRegistry(config.owner_id, names, config.codec, config.migrate_from)
