"""Security events as a time series of the collector's own, for the analysts: measurement `sec_event`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from collector.core.rows import Row
from collector.core.token_bucket import TokenBucket
from collector.shell.metrics import Metrics
from collector.shell.store_queue import Pending
from contract.reading import Value

MEASUREMENT: Final = "sec_event"
OWN_GATEWAY: Final = "collector"
"""Stands as `gw` where an event is about no gateway: InfluxDB takes no empty tag."""
MAX_DETAIL: Final = 256
EVENTS_PER_S: Final = 50.0
EVENT_BURST: Final = 2_000.0
Event = Literal["cmd_exec", "cmd_result", "cmd_reject", "cmd_rate", "reading_forged", "api_auth_fail", "config_changed"]
_SEVERITY: Final[dict[Event, int]] = {
    "cmd_exec": 1,
    "cmd_result": 1,
    "cmd_reject": 4,
    "cmd_rate": 5,
    "reading_forged": 3,
    "api_auth_fail": 3,
    "config_changed": 2,
}
_ATTACK: Final[dict[Event, str]] = {
    "cmd_reject": "T0855",
    "cmd_rate": "T0806",
    "reading_forged": "T0856",
    "api_auth_fail": "T0859",
    "config_changed": "T0836",
}
"""MITRE ATT&CK for ICS, ids that hold in v18 and before."""


class SecurityEvents:
    """Writes events down: tags gateway and event (as `dev`), the rest as fields; used by one thread."""

    def __init__(self, put: Callable[[Pending], bool], metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._put = put
        self._metrics = metrics
        self._now_ms = now_ms
        self._bucket = TokenBucket(per_s=EVENTS_PER_S, burst=EVENT_BURST)
        self._last_ms: dict[tuple[str, Event], int] = {}
        self._left_out = 0
        self._waiting: list[Row] = []

    def flush(self) -> None:
        """Give what was noted to the store, together: one by one, events of a whole city would crowd readings out."""
        rows, self._waiting = tuple(self._waiting), []
        if rows and not self._put(Pending(rows=rows, row_count=len(rows), size_bytes=200 * len(rows))):
            self._metrics.add("store_dropped")

    def note(self, event: Event, *, gateway: str = "", reason: str = "", user: str = "", detail: str = "") -> None:
        """Note one event; `flush` writes it.

        Args:
            event: From the fixed list.
            gateway: One of the inventory, or empty: no name that a peer chose becomes a tag.
            reason: A fixed word.
            user: Of the configuration, or the account of the operating system.
            detail: Anything; cut at 256 characters.
        """
        now_ms = self._now_ms()
        if not self._bucket.take(now_ms):
            self._left_out += 1
            self._metrics.add("security_events_left_out")
            return
        gateway = gateway or OWN_GATEWAY
        # Two events of one kind within a millisecond would overwrite each other.
        time_ms = max(now_ms, self._last_ms.get((gateway, event), 0) + 1)
        self._last_ms[gateway, event] = time_ms
        fields: dict[str, Value] = {"n": 1 + self._left_out, "sev": _SEVERITY[event]}
        self._left_out = 0
        texts = {"reason": reason, "user": user, "detail": detail[:MAX_DETAIL], "attack": _ATTACK.get(event, "")}
        fields |= {key: text for key, text in texts.items() if text}
        self._waiting.append(
            Row(measurement=MEASUREMENT, gateway=gateway, device=event, time_ms=time_ms, fields=fields)
        )
