"""One bounded number, and what is said of a value beyond its bounds. `clusterdns.limits` is the table of them."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limit:
    """One bounded number. `source` is the RFC, specification or program that the values follow."""

    name: str
    default: int | float
    minimum: int | float
    maximum: int | float
    unit: str
    source: str

    @property
    def default_int(self) -> int:
        """The default, for numbers that count things."""
        return int(self.default)

    def check(self, value: float, *, where: str = "", line: int = 0, column: int = 0) -> float:
        """Return `value` if it lies within the limit, else raise ConfigError naming the range."""
        if self.minimum <= value <= self.maximum:
            return value
        unit = f" {self.unit}" if self.unit else ""
        raise ConfigError(
            f"{self.name} is {value:.15g}, but must be between {self.minimum:.15g} and {self.maximum:.15g}{unit}",
            source=where,
            line=line,
            column=column,
        )
