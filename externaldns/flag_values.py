"""The values of flags by name, with their types: between reading and the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from clusterdns.directives.config.pattern import Pattern, compile_pattern
from clusterdns.errors import ConfigError
from clusterdns.kube.label_selector import LabelSelector, read_label_selector
from externaldns.flag_table import FLAGS, Value

T = TypeVar("T")

_CHOICES = {flag.name: flag.choices for flag in FLAGS}


class Values:
    """Typed access to the values by flag name."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def raw(self, name: str) -> Value:
        return self._values[name]

    def text(self, name: str) -> str:
        return str(self._values[name])

    def required(self, name: str) -> str:
        if not self.text(name):
            raise ConfigError(f"is required; one of {', '.join(_CHOICES[name])}", source=f"--{name}")
        return self.text(name)

    def switch(self, name: str) -> bool:
        return self._values[name] is True

    def seconds(self, name: str) -> float:
        return float(str(self._values[name]))

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values[name]
        assert isinstance(value, tuple), f"--{name} is a list"
        return tuple(dict.fromkeys(value))

    def integer(self, name: str) -> int:
        return int(str(self._values[name]))

    def selector(self, name: str) -> LabelSelector:
        return self._parsed(name, read_label_selector)

    def pattern(self, name: str) -> Pattern | None:
        return self._parsed(name, compile_pattern) if self.text(name) else None

    def each(self, name: str, read: Callable[[str], T]) -> tuple[T, ...]:
        """Return the values of a list as `read` makes them; its ValueError becomes the flag's."""
        return tuple(self._read(name, text, read) for text in self.texts(name))

    def _parsed(self, name: str, read: Callable[[str], T]) -> T:
        return self._read(name, self.text(name), read)

    def _read(self, name: str, text: str, read: Callable[[str], T]) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise ConfigError(str(error), source=f"--{name}") from None
