"""The operations on zones and their VPCs, and the change log.

Each takes a `Call` and returns the response's fields, spelt and nested as the SDK's models have them; `api.py` lists
them and wraps the writing ones in a transaction.
"""

from __future__ import annotations

import secrets
from typing import cast

from externaldns.providers.privatezone.emulator.call import Call, Response, format_minute
from externaldns.providers.privatezone.emulator.failure import VPC_CONFLICT, ZONE_BOUND, ApiFailure
from externaldns.providers.privatezone.emulator.rows import BoundVpc, Change, DnsGroup, ProxyPattern, Zone
from externaldns.providers.privatezone.emulator.rules import (
    check_vpcs,
    check_zone_name,
    check_zone_quota,
    check_zone_remark,
)

DNS_GROUPS = ("NORMAL_ZONE", "FAST_ZONE")
PROXY_PATTERNS = ("ZONE", "RECORD")
LATEST_MS = 2**62


def describe_zones(call: Call) -> Response:
    """DescribeZones: one page of the zones, filtered by keyword, VPC, region and resource group."""
    read = call.parameters
    page = read.page()
    zones, total = call.store.list_zones(
        keyword=read.text("Keyword"),
        mode=read.search_mode("LIKE"),
        vpc_id=read.text("QueryVpcId"),
        region_id=read.text("QueryRegionId"),
        group_id=read.text("ResourceGroupId"),
        page=page,
    )
    # The emulator has no cloud products' zones and no tags: such a filter finds nothing.
    if read.text("ZoneType", "AUTH_ZONE") != "AUTH_ZONE" or read.items("ResourceTag"):
        zones, total = [], 0
    listed = [
        _zone_fields(zone) | {"ResourceTags": {"ResourceTag": []}, "SlaveDnsStatus": "false", "CreatorSubType": ""}
        for zone in zones
    ]
    return {**page.describe(total), "Zones": {"Zone": listed}}


def describe_zone_info(call: Call) -> Response:
    """DescribeZoneInfo: one zone and the VPCs it is bound to."""
    zone = call.zone()
    vpcs = [
        {
            "RegionId": vpc.region_id,
            "RegionName": vpc.region_id,
            "VpcId": vpc.vpc_id,
            "VpcName": vpc.vpc_id,
            "VpcType": vpc.vpc_type,
            "VpcUserId": "1",
        }
        for vpc in call.store.vpcs_of(zone.zone_id)
    ]
    return _zone_fields(zone) | {
        "BindVpcs": {"Vpc": vpcs},
        "BindEdgeDnsClusters": {"EdgeDnsCluster": []},
        "SlaveDns": False,
        "CreatorType": "USER",
    }


def check_zone_name_free(call: Call) -> Response:
    """CheckZoneName: whether a zone of this name could be added."""
    check_zone_name(call.parameters.required("ZoneName"))
    check_zone_quota(call.store.count_zones())
    return {"Check": True, "Success": True}


def add_zone(call: Call) -> Response:
    """AddZone: an empty zone that no VPC sees yet. A name may be there already, in other VPCs."""
    read = call.parameters
    zone = create_zone(
        call,
        check_zone_name(read.required("ZoneName")),
        # New users' zones are FAST_ZONE since 2025-04-30.
        dns_group=cast(DnsGroup, read.choice("DnsGroup", DNS_GROUPS, "FAST_ZONE")),
        proxy_pattern=cast(ProxyPattern, read.choice("ProxyPattern", PROXY_PATTERNS, "ZONE")),
        resource_group_id=read.text("ResourceGroupId"),
    )
    return {"Success": True, "ZoneId": zone.zone_id, "ZoneName": zone.zone_name}


def create_zone(
    call: Call,
    zone_name: str,
    dns_group: DnsGroup = "FAST_ZONE",
    proxy_pattern: ProxyPattern = "ZONE",
    resource_group_id: str = "",
) -> Zone:
    """Add a zone of a checked name and return it."""
    check_zone_quota(call.store.count_zones())
    zone = Zone(
        zone_id=secrets.token_hex(16),
        zone_name=zone_name,
        dns_group=dns_group,
        proxy_pattern=proxy_pattern,
        remark="",
        resource_group_id=resource_group_id,
        record_count=0,
        serial=1,
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    call.store.add_zone(zone)
    call.log("PV_ZONE", "add", zone, f"add zone {zone_name}")
    return zone


def ensure_zone(call: Call, zone_name: str, vpc: BoundVpc) -> None:
    """See to it that the VPC sees a zone of this checked name: bind the oldest there is, else add one."""
    if call.store.zones_in_vpc(vpc.vpc_id, [zone_name]):
        return
    named = call.store.zones_named(zone_name)
    zone = named[0] if named else create_zone(call, zone_name)
    bind_vpcs(call, zone, [*call.store.vpcs_of(zone.zone_id), vpc])


def delete_zone(call: Call) -> Response:
    """DeleteZone: with all its records; its VPCs must be unbound first."""
    zone = call.zone()
    if call.store.vpcs_of(zone.zone_id):
        raise ApiFailure(ZONE_BOUND)
    call.store.delete_zone(zone.zone_id)
    call.log("PV_ZONE", "delete", zone, f"delete zone {zone.zone_name}")
    return {"ZoneId": zone.zone_id}


def bind_zone_vpc(call: Call) -> Response:
    """BindZoneVpc: replaces the set of VPCs; an empty one unbinds all."""
    zone = call.zone()
    vpcs = {
        (vpc := read.required("VpcId")): BoundVpc(
            vpc_id=vpc,
            region_id=read.required("RegionId"),
            vpc_type=read.choice("VpcType", ("STANDARD", "EDS"), "STANDARD"),
        )
        for read in call.parameters.items("Vpcs")
    }
    bind_vpcs(call, zone, list(vpcs.values()))
    return {}


def bind_vpcs(call: Call, zone: Zone, vpcs: list[BoundVpc]) -> None:
    """Bind a zone to exactly these VPCs; none of them may see another zone of the same name."""
    check_vpcs(vpcs)
    for vpc in vpcs:
        if any(other.zone_id != zone.zone_id for other in call.store.zones_in_vpc(vpc.vpc_id, [zone.zone_name])):
            raise ApiFailure(VPC_CONFLICT, vpc=vpc.vpc_id, zone=zone.zone_name)
    call.store.replace_vpcs(zone.zone_id, vpcs)
    call.store.change_zone(zone.zone_id, call.now_ms)
    call.log("PV_ZONE", "bind", zone, f"bind VPCs {' '.join(vpc.vpc_id for vpc in vpcs) or 'none'}")


def set_proxy_pattern(call: Call) -> Response:
    """SetProxyPattern: what an unknown name of the zone gets, NXDOMAIN (ZONE) or recursion (RECORD)."""
    return _change_zone(call, "proxy_pattern", call.parameters.choice("ProxyPattern", PROXY_PATTERNS))


def change_zone_dns_group(call: Call) -> Response:
    """ChangeZoneDnsGroup: takes effect at once here; PrivateZone needs a while."""
    return _change_zone(call, "dns_group", call.parameters.choice("DnsGroup", DNS_GROUPS))


def update_zone_remark(call: Call) -> Response:
    """UpdateZoneRemark: an absent or empty remark clears it."""
    remark = call.parameters.text("Remark")
    check_zone_remark(remark)
    return _change_zone(call, "remark", remark)


def describe_change_logs(call: Call) -> Response:
    """DescribeChangeLogs: one page of the log, newest first, of all zones or of one."""
    read = call.parameters
    page = read.page()
    entity = read.text("EntityType")
    start_ms, end_ms = read.integer("StartTimestamp"), read.integer("EndTimestamp")
    changes, total = call.store.list_changes(
        # "If you specify another value, this parameter is ignored and logs of all types are returned."
        entity=entity if entity in ("PV_ZONE", "PV_RECORD") else "",
        zone_id=read.text("ZoneId"),
        keyword=read.text("Keyword"),
        start_ms=0 if start_ms is None else start_ms,
        end_ms=LATEST_MS if end_ms is None else end_ms,
        page=page,
    )
    return {**page.describe(total), "ChangeLogs": {"ChangeLog": [_change_fields(change) for change in changes]}}


def _change_zone(call: Call, column: str, value: str) -> Response:
    zone = call.zone()
    call.store.change_zone(zone.zone_id, call.now_ms, **{column: value})
    call.log("PV_ZONE", "update", zone, f"set {column} to {value or 'nothing'}")
    return {"ZoneId": zone.zone_id}


def _zone_fields(zone: Zone) -> Response:
    return {
        "ZoneId": zone.zone_id,
        "ZoneName": zone.zone_name,
        "ZoneType": "AUTH_ZONE",
        "ZoneTag": "",
        "DnsGroup": zone.dns_group,
        "DnsGroupChanging": False,
        "IsPtr": zone.is_reverse,
        "ProxyPattern": zone.proxy_pattern,
        "RecordCount": zone.record_count,
        "Remark": zone.remark,
        "ResourceGroupId": zone.resource_group_id,
        "Creator": "1",
        "CreateTime": format_minute(zone.created_ms),
        "CreateTimestamp": zone.created_ms,
        "UpdateTime": format_minute(zone.updated_ms),
        "UpdateTimestamp": zone.updated_ms,
    }


def _change_fields(change: Change) -> Response:
    return {
        "Id": change.change_id,
        "OperAction": change.action,
        "OperObject": change.entity,
        "OperTime": format_minute(change.at_ms),
        "OperTimestamp": change.at_ms,
        "OperIp": change.client,
        "EntityId": change.zone_id,
        "EntityName": change.zone_name,
        "Content": change.content,
        "CreatorId": "1",
        "CreatorType": "USER",
        "CreatorSubType": "",
        "CreatorUserId": "1",
    }
