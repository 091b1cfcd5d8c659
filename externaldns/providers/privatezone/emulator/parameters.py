"""The query parameters of one call, read by name and type.

Between the verified request and the operations. Pure. The RPC gateway's errors are `Missing<Name>` and
`Invalid<Name>`; lists are flattened to `Vpcs.1.VpcId`, `Vpcs.2.VpcId`, one number per element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clusterdns.limit import Limit
from clusterdns.limits import PRIVATEZONE_PAGE_NUMBER, PRIVATEZONE_PAGE_SIZE
from externaldns.providers.privatezone.emulator.failure import PARAMETER_INVALID, PARAMETER_MISSING, ApiFailure

SearchMode = Literal["LIKE", "EXACT"]
LARGEST_INTEGER = 2**63 - 1  # The API's integers are Long, and so are SQLite's.


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of a list are wanted; `number` counts from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.number - 1) * self.size

    def describe(self, total: int) -> dict[str, int]:
        """Return the paging fields of a response whose whole list has `total` rows."""
        return {
            "PageNumber": self.number,
            "PageSize": self.size,
            "TotalItems": total,
            "TotalPages": -(-total // self.size),
        }


class Parameters:
    """Typed access to the parameters; every reader raises ApiFailure naming the parameter at fault."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def required(self, name: str) -> str:
        """Return a parameter that must be there and not empty."""
        value = self.values.get(name, "")
        if not value:
            raise ApiFailure(PARAMETER_MISSING, name=name)
        return value

    def text(self, name: str, default: str = "") -> str:
        """Return an optional parameter."""
        return self.values.get(name, default)

    def choice(self, name: str, choices: Sequence[str], default: str = "") -> str:
        """Return one of `choices`; without a default, the parameter is required."""
        value = self.values.get(name) or default
        if not value:
            raise ApiFailure(PARAMETER_MISSING, name=name)
        if value not in choices:
            raise ApiFailure(PARAMETER_INVALID, name=name, reason=f"it must be one of {', '.join(choices)}")
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None if the parameter is not there."""
        value = self.values.get(name, "")
        if not value:
            return None
        # The length first: int() of a text of thousands of digits is slow, then refused.
        if len(value) > 20 or not (value.isascii() and value.removeprefix("-").isdigit()):
            raise ApiFailure(PARAMETER_INVALID, name=name, reason="it must be a whole number")
        if abs(number := int(value)) > LARGEST_INTEGER:
            raise ApiFailure(PARAMETER_INVALID, name=name, reason="it must be a 64-bit number")
        return number

    def required_integer(self, name: str) -> int:
        """Return a whole number that must be there."""
        self.required(name)
        number = self.integer(name)
        assert number is not None
        return number

    def boolean(self, name: str) -> bool:
        """Return a required flag; the SDK of Python sends `True` and `False`, others `true` and `false`."""
        value = self.required(name).lower()
        if value not in ("true", "false"):
            raise ApiFailure(PARAMETER_INVALID, name=name, reason="it must be true or false")
        return value == "true"

    def page(self) -> Page:
        """Return the page asked for."""
        return Page(
            self._bounded("PageNumber", PRIVATEZONE_PAGE_NUMBER), self._bounded("PageSize", PRIVATEZONE_PAGE_SIZE)
        )

    def search_mode(self, default: SearchMode) -> SearchMode:
        """Return how `Keyword` is compared."""
        return "EXACT" if self.choice("SearchMode", ("LIKE", "EXACT"), default) == "EXACT" else "LIKE"

    def items(self, name: str) -> list[Parameters]:
        """Return the elements of the flattened list `name`, each with its own fields."""
        found: dict[str, dict[str, str]] = {}
        for key, value in self.values.items():
            head, _, rest = key.partition(".")
            index, _, field = rest.partition(".")
            if head == name and field:
                found.setdefault(index, {})[field] = value
        return [Parameters(fields) for fields in found.values()]

    def _bounded(self, name: str, limit: Limit) -> int:
        number = self.integer(name)
        if number is None:
            return int(limit.default)
        if not limit.minimum <= number <= limit.maximum:
            reason = f"it must be from {limit.minimum} to {limit.maximum}"
            raise ApiFailure(PARAMETER_INVALID, name=name, reason=reason)
        return number
