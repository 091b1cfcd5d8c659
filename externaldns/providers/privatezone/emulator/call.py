"""What an operation is given: the store, the parameters, the time and the caller; and what both kinds share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from externaldns.providers.privatezone.emulator.failure import ZONE_ID_INVALID, ZONE_MISSING, ApiFailure
from externaldns.providers.privatezone.emulator.parameters import Parameters
from externaldns.providers.privatezone.emulator.rows import Change, Zone
from externaldns.providers.privatezone.emulator.store import Store

# An operation's response without the RequestId: what becomes JSON.
Response = dict[str, object]

_ZONE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API, authenticated. `now_ms` is Unix milliseconds, `client` the caller's address."""

    store: Store
    parameters: Parameters
    now_ms: int
    client: str

    def zone(self) -> Zone:
        """Return the zone that the required parameter ZoneId names."""
        zone_id = self.parameters.required("ZoneId")
        if not _ZONE_ID.match(zone_id):
            raise ApiFailure(ZONE_ID_INVALID)
        return self.zone_by_id(zone_id)

    def zone_by_id(self, zone_id: str) -> Zone:
        """Return a zone that must exist."""
        zone = self.store.zone(zone_id)
        if zone is None:
            raise ApiFailure(ZONE_MISSING)
        return zone

    def log(self, entity: str, action: str, zone: Zone, content: str) -> None:
        """Write a line of the change log; `entity` is PV_ZONE or PV_RECORD."""
        self.store.log(
            Change(
                change_id=0,
                entity=entity,
                action=action,
                zone_id=zone.zone_id,
                zone_name=zone.zone_name,
                content=content,
                client=self.client,
                at_ms=self.now_ms,
            )
        )


def format_minute(at_ms: int) -> str:
    """Return a time as the API writes it: UTC, to the minute, `2018-01-23T03:15Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
