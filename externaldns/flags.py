"""The flags of externaldns: ExternalDNS's names, meanings and defaults, in one table.

    command line, then EXTERNAL_DNS_* environment, then default  ->  `parse`  ->  config.Config

`--flag=value`, `--flag value`, `--switch` and `--no-switch`; a list flag is repeated, or its values separated by commas
(by newlines in the environment, too). A flag of ExternalDNS's that is not here is refused, in the environment as well,
unless it is switched off: running without what it asks for could delete records.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from clusterdns import duration
from clusterdns.errors import ConfigError
from externaldns import ownership_remark
from externaldns.config import (
    ClusterConfig,
    Config,
    ControlConfig,
    PlanConfig,
    ProviderConfig,
    RegistryConfig,
)
from externaldns.flag_table import FLAGS, FOREIGN_PREFIXES, REFUSED_FLAGS, Flag, Value, environment_variable
from externaldns.flag_values import Values
from externaldns.idle_flags import tell_idle
from externaldns.ownership_codec import OwnershipCodec
from externaldns.safety_flags import (
    WEBHOOK_DEFAULTS,
    configure_privatezone,
    configure_safety,
    configure_webhook,
    split_address,
)
from externaldns.source_flags import configure_sources

_BY_NAME = {flag.name: flag for flag in FLAGS}
_OFF = ("", "false", "0")
"""What a flag that is refused may have: it asks for nothing then."""
# Those of Go's strconv.ParseBool, in any case of letters.
_SWITCH_WORDS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def parse(arguments: Sequence[str], environment: Mapping[str, str], *, webhook: bool = False) -> Config:
    """Return the configuration; ConfigError names the flag that is wrong and what to write instead.

    With `webhook`, that of `externaldns webhook`: it needs no source and no policy, and has a provider of its own.
    --webhook-server means the same.
    """
    given: dict[str, Value] = {}
    for flag in FLAGS:
        # An empty variable is an unset one, as in `env: {name: ..., value: ""}` of a manifest.
        if text := environment.get(flag.environment):
            given[flag.name] = _read(flag, text.replace("\n", ","), flag.environment)
    for name, instead in REFUSED_FLAGS.items():
        variable = environment_variable(name)
        if environment.get(variable, "").lower() not in _OFF:
            raise ConfigError(_not_here(instead), source=variable)
    given |= _read_arguments(arguments)
    webhook = webhook or given.get("webhook-server") is True
    defaults = {flag.name: flag.default for flag in FLAGS} | (WEBHOOK_DEFAULTS if webhook else {})
    return _configure(Values(defaults | given), webhook=webhook)


def usage() -> str:
    """Return the text of --help."""
    lines = [
        "usage: externaldns --source=service --provider=alibabacloud --policy=POLICY [flags]",
        "       externaldns adopt [--any-value] [--apply] [flags]             own records that nobody owns",
        "       externaldns transfer --from-owner=OWNER [--apply] [flags]     own another owner's records",
        "       externaldns webhook [flags]                                   serve the provider to ExternalDNS",
        "",
    ]
    for flag in FLAGS:
        default = ",".join(flag.default) if isinstance(flag.default, tuple) else flag.default
        note = f" (default {default:g}s)" if isinstance(default, float) else f" (default {str(default).lower()})"
        lines.append(f"  --{flag.name}")
        lines.append(f"        {flag.help}{note if default else ''}")
        if flag.choices:
            lines[-1] += f": {', '.join(flag.choices)}"
    return "\n".join([*lines, "", "Each flag may also be given as an environment variable EXTERNAL_DNS_FLAG_NAME.", ""])


def _read_arguments(arguments: Sequence[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            raise ConfigError(f"unexpected argument {argument!r}: there are only flags, written --flag=value")
        name, has_value, text = argument[2:].partition("=")
        if name.removeprefix("no-") in REFUSED_FLAGS and (
            text.lower() in _OFF if has_value else name.startswith("no-")
        ):
            continue
        flag = _find(name)
        where = f"--{name}"
        if flag.kind == "switch":
            if name != flag.name and has_value:
                raise ConfigError(f"takes no value; write --{flag.name}={text}", source=where)
            text = text if has_value else str(name == flag.name)
        elif not has_value:
            if not rest:
                raise ConfigError(f"needs a value: write --{name}=...", source=where)
            text = rest.pop(0)
        value = _read(flag, text, where)
        held = values.get(flag.name)
        if isinstance(held, tuple) and isinstance(value, tuple):
            value = held + value
        elif flag.kind == "template" and held:
            value = f"{held},{value}"
        values[flag.name] = value
    return values


def _find(name: str) -> Flag:
    if name in _BY_NAME:
        return _BY_NAME[name]
    positive = _BY_NAME.get(name.removeprefix("no-"))
    if positive and positive.kind == "switch":
        return positive
    if instead := REFUSED_FLAGS.get(name.removeprefix("no-")):
        raise ConfigError(_not_here(instead), source=f"--{name}")
    if name.removeprefix("no-").startswith(FOREIGN_PREFIXES):
        raise ConfigError(
            "this flag is about something of ExternalDNS's that is not here; remove it", source=f"--{name}"
        )
    near = difflib.get_close_matches(name, _BY_NAME, n=1)
    hint = f"; did you mean --{near[0]}?" if near else "; --help lists all flags"
    raise ConfigError(f"there is no such flag{hint}", source=f"--{name}")


def _not_here(instead: str) -> str:
    return f"this flag of ExternalDNS's is not supported here; {instead}"


def _read(flag: Flag, text: str, where: str) -> Value:
    match flag.kind:
        case "switch":
            if text.lower() not in _SWITCH_WORDS:
                raise ConfigError(f"{text!r} is neither true nor false", source=where)
            return _SWITCH_WORDS[text.lower()]
        case "seconds":
            try:
                return duration.seconds(text)
            except ConfigError as error:
                raise ConfigError(error.message, source=where) from None
        case "integer":
            if not (text.isascii() and text.isdecimal() and len(text) < 10):
                raise ConfigError(f"{text!r} is not a whole number", source=where)
            return int(text)
        case "list":
            parts = tuple(part for part in (part.strip() for part in text.split(",")) if part)
            return tuple(_choose(flag, part, where) for part in parts)
        case "text" | "template":
            return _choose(flag, text, where)


def _choose(flag: Flag, text: str, where: str) -> str:
    if not flag.choices or text in flag.choices:
        return text
    if text in flag.refused:
        raise ConfigError(f"{text!r} is not supported here; write one of {', '.join(flag.choices)}", source=where)
    near = difflib.get_close_matches(text, flag.choices, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"{text!r} is none of {', '.join(flag.choices)}{hint}", source=where)


def _configure(values: Values, *, webhook: bool) -> Config:
    if not values.texts("source"):
        raise ConfigError(f"is required; one of {', '.join(_BY_NAME['source'].choices)}", source="--source")
    if values.text("txt-prefix") and values.text("txt-suffix"):
        raise ConfigError("and --txt-suffix exclude each other: give one of them", source="--txt-prefix")
    owner, registry = values.text("txt-owner-id"), values.text("registry")
    if registry != "noop" and not owner:
        raise ConfigError(f"must not be empty with --registry={registry}", source="--txt-owner-id")
    if registry == "remark":
        ownership_remark.check_owner(owner)
        if values.text("provider") == "webhook":
            raise ConfigError("is PrivateZone's: the webhook protocol has no remarks", source="--registry=remark")
    if registry != "noop" and owner == values.text("migrate-from-txt-owner"):
        raise ConfigError(f"{owner!r} is --txt-owner-id already", source="--migrate-from-txt-owner")
    if values.seconds("interval") <= 0:
        raise ConfigError("must be more than 0s", source="--interval")
    if values.text("server") and values.text("kubeconfig"):
        raise ConfigError("and --kubeconfig exclude each other: a kubeconfig names the server", source="--server")
    host, port = split_address(values.text("metrics-address"), "--metrics-address")
    manifests = values.text("manifests")
    return Config(
        source=configure_sources(values),
        cluster=ClusterConfig(
            manifests=Path(manifests) if manifests else None,
            kubeconfig=values.text("kubeconfig"),
            server=values.text("server"),
            qps=values.integer("kube-api-qps"),
            burst=values.integer("kube-api-burst"),
        ),
        provider=ProviderConfig(
            provider=values.required("provider"),
            alibaba_cloud_config_file=values.text("alibaba-cloud-config-file"),
            alibaba_cloud_endpoint=values.text("alibaba-cloud-endpoint"),
            zone_id_filter=values.texts("zone-id-filter"),
            privatezone=configure_privatezone(values),
            webhook=configure_webhook(values),
        ),
        plan=PlanConfig(
            policy=values.required("policy"),
            domain_filter=values.texts("domain-filter"),
            exclude_domains=values.texts("exclude-domains"),
            include_pattern=values.pattern("regex-domain-filter"),
            exclude_pattern=values.pattern("regex-domain-exclusion"),
            record_types=frozenset(values.texts("managed-record-types")) - set(values.texts("exclude-record-types")),
        ),
        registry=RegistryConfig(
            registry=values.text("registry"),
            owner_id=values.text("txt-owner-id"),
            prefix=values.text("txt-prefix"),
            suffix=values.text("txt-suffix"),
            wildcard_replacement=values.text("txt-wildcard-replacement"),
            codec=_codec(values),
            migrate_from=values.text("migrate-from-txt-owner") or None,
        ),
        control=ControlConfig(
            interval_seconds=values.seconds("interval"),
            events=values.switch("events"),
            min_event_sync_seconds=values.seconds("min-event-sync-interval"),
            once=values.switch("once"),
            dry_run=values.switch("dry-run"),
            metrics_host=host,
            metrics_port=port,
            log_level=values.text("log-level"),
            log_format=values.text("log-format"),
        ),
        safety=configure_safety(values),
        serves_webhook=webhook,
        notices=() if webhook else tuple(tell_idle(values)),
    )


def _codec(values: Values) -> OwnershipCodec:
    if not values.switch("txt-encrypt-enabled"):
        return OwnershipCodec()
    if not values.text("txt-encrypt-aes-key"):
        raise ConfigError("is needed by --txt-encrypt-enabled", source="--txt-encrypt-aes-key")
    return OwnershipCodec.with_key(values.text("txt-encrypt-aes-key"))
