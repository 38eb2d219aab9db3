"""The topic tree of wire contract v1, in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from contract.reading import NAME_PATTERN

DEFAULT_ROOT: Final = "city/v1"
RESERVED_DEVICES: Final = frozenset({"online", "meta", "want"})
"""Levels below `state/` that are no device's names."""
BUILT_IN_DEVICES: Final = frozenset({"agent", "control"})
"""Devices that every agent has: its own health, and what its lighting schedule wants."""
RESERVED_GATEWAYS: Final = frozenset({"alarm"})

_NAME = re.compile(NAME_PATTERN)


def check_name(name: str, what: str, reserved: frozenset[str] = frozenset()) -> str:
    """Return the name if it can stand in topics, tags and file names.

    Raises:
        ValueError: It cannot, or it is reserved.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} '{name}': use 1 to 64 of a-z 0-9 - _, beginning with a letter or digit")
    if name in reserved:
        raise ValueError(f"{what} '{name}' is reserved")
    return name


@dataclass(frozen=True, slots=True)
class GatewayTopics:
    """The topics of one gateway."""

    gateway: str
    root: str = DEFAULT_ROOT

    def _of(self, tail: str) -> str:
        return f"{self.root}/{self.gateway}/{tail}"

    @property
    def live(self) -> str:
        """Batches of the last seconds, sent once."""
        return self._of("up/live")

    @property
    def event(self) -> str:
        """Urgent batches, repeated until they are confirmed."""
        return self._of("up/event")

    @property
    def history(self) -> str:
        """Batches that were not confirmed in time."""
        return self._of("up/history")

    @property
    def confirm(self) -> str:
        """Which batches the collector has stored and evaluated; not retained."""
        return self._of("down/confirm")

    @property
    def command(self) -> str:
        """Commands to the gateway; never retained."""
        return self._of("down/cmd")

    @property
    def result(self) -> str:
        """What became of a command; never retained."""
        return self._of("up/cmd")

    @property
    def want(self) -> str:
        """The desired document of the gateway, retained."""
        return self._of("down/want")

    @property
    def want_report(self) -> str:
        """What the gateway goes by, retained."""
        return self._of("state/want")

    @property
    def online(self) -> str:
        """Presence, retained; also the last will."""
        return self._of("state/online")

    @property
    def meta(self) -> str:
        """The gateway's devices and points, retained."""
        return self._of("state/meta")

    def state(self, device: str) -> str:
        """The latest values of one device, retained."""
        return self._of(f"state/{device}")


def alarm_topic(root: str, site: str, alarm: str) -> str:
    """Return the topic of one alarm of one site; retained while it is active."""
    return f"{root}/alarm/{site}/{alarm}"


COLLECTOR_SUBSCRIPTIONS: Final = (
    "+/up/live",
    "+/up/event",
    "+/up/history",
    "+/up/cmd",
    "+/state/online",
    "+/state/meta",
    "+/state/want",
)
"""What a collector reads, below the root. `state/{device}` is for people: it is never evaluated or stored."""


def parse_topic(topic: str, root: str = DEFAULT_ROOT) -> tuple[str, str]:
    """Split a gateway's topic into (gateway, tail such as `up/live`).

    Raises:
        ValueError: The topic is not of this tree or names no possible gateway.
    """
    prefix = f"{root}/"
    if not topic.startswith(prefix):
        raise ValueError(f"topic is not below {root}")
    gateway, _, tail = topic[len(prefix) :].partition("/")
    check_name(gateway, "gateway", RESERVED_GATEWAYS)
    return gateway, tail
