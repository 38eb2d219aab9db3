"""What people call the points of gateways, from what gateways say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from config.language import Language
from contract.state import Meta

MAX_NAMES: Final = 100_000
"""Of a city's points that some rule watches; past it points go by their keys."""
Names = Mapping[str, Mapping[Language, str]]
"""Point id `device/key` to its name in both languages."""


class PointNames:
    """The names of points that are asked for in messages."""

    def __init__(self) -> None:
        self._by_gateway: dict[str, dict[str, Mapping[Language, str]]] = {}
        self._count = 0
        self._same: dict[tuple[str, str], Mapping[Language, str]] = {}

    def learn(self, gateway: str, meta: Meta) -> None:
        """Take the names that a gateway gives its points, in place of those before."""
        self._count -= len(self._by_gateway.pop(gateway, {}))
        named: dict[str, Mapping[Language, str]] = {}
        for device, described in meta.devices.items():
            for key, point in described.points.items():
                if point.en and point.vi and self._count + len(named) < MAX_NAMES:
                    # Every cabinet has the same profile, so that one copy of a name serves the city.
                    same = self._same.setdefault((point.en, point.vi), {"en": point.en, "vi": point.vi})
                    named[f"{device}/{key}"] = same
        self._count += len(named)
        self._by_gateway[gateway] = named
        if len(self._same) > MAX_NAMES:
            self._same.clear()

    def of(self, gateway: str) -> Names:
        """Return the names of a gateway's points; none before it has described itself."""
        return self._by_gateway.get(gateway, {})
