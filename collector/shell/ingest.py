"""From the network thread to the engine: topics checked, queues bounded, live before history."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from collector.shell.dead_letter import PoisonFile
from collector.shell.metrics import Metrics
from contract.batch import MAX_BATCH_BYTES
from contract.command import MAX_COMMAND_BYTES
from contract.state import MAX_META_BYTES
from contract.topics import parse_topic

RESULT: Final = "up/cmd"
MAX_RESULTS: Final = 2_000
RESULTS_A_PASS: Final = 200
"""Results are taken before readings, since a person waits for them, but never so many that readings stand still."""
MAX_QUEUE_BYTES: Final = 64 * 1024 * 1024
_MAX_BYTES_BY_TAIL: Final = {
    "up/live": MAX_BATCH_BYTES,
    "up/event": MAX_BATCH_BYTES,
    "up/history": MAX_BATCH_BYTES,
    "up/cmd": MAX_COMMAND_BYTES,
    "state/online": 4096,
    "state/meta": MAX_META_BYTES,
    "state/want": MAX_COMMAND_BYTES,
}
_RETAINED_TAILS: Final = frozenset({"state/online", "state/meta", "state/want"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a gateway; received_ms is the collector's clock when it left the network."""

    gateway: str
    tail: str
    payload: bytes
    received_ms: int


class Ingest:
    """Four lanes: state (the newest of each topic), results of commands, live and events, history.

    When they are full, history goes first and the rest is refused: nothing of it was confirmed, so the gateways
    send it again. State is sent once only, so everything else makes room for it.
    """

    def __init__(
        self, *, root: str, max_messages: int, poison: PoisonFile, metrics: Metrics, now_ms: Callable[[], int]
    ) -> None:
        """Prepare; see the class."""
        self._root = root
        self._max_messages = max_messages
        self._poison = poison
        self._metrics = metrics
        self._now_ms = now_ms
        self._ready = threading.Condition()
        self._state: collections.OrderedDict[tuple[str, str], Message] = collections.OrderedDict()
        self._results: collections.deque[Message] = collections.deque()
        self._live: collections.deque[Message] = collections.deque()
        self._history: collections.deque[Message] = collections.deque()
        self._bytes = 0
        self._closed = False

    def accept(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take one message from the network, or count why not."""
        self._metrics.add("messages")
        now_ms = self._now_ms()
        try:
            gateway, tail = parse_topic(topic, self._root)
            longest = _MAX_BYTES_BY_TAIL[tail]
        except (ValueError, KeyError) as error:
            self._metrics.add("topic_refused")
            self._park(topic, payload, "topic", str(error), now_ms)
            return
        if retained and tail not in _RETAINED_TAILS:
            self._metrics.add("retained_refused")
            return
        if len(payload) > longest:
            self._metrics.add("payload_oversized")
            self._park(topic, payload, "oversized", f"{len(payload)} bytes, at most {longest}", now_ms)
            return
        self._queue(Message(gateway, tail, payload, now_ms))

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """Return waiting messages: state, results, live ones and events, then history; empty after the time-out."""
        with self._ready:
            if not self._waiting() and not self._closed:
                self._ready.wait(timeout_s)
            taken = list(self._state.values())
            self._state.clear()
            first = len(taken) + RESULTS_A_PASS
            for lane, until in ((self._results, min(most, first)), (self._live, most), (self._history, most)):
                while lane and len(taken) < until:
                    taken.append(lane.popleft())
            self._bytes -= sum(len(message.payload) for message in taken)
            return taken

    def waiting(self) -> int:
        """Return how many messages wait."""
        with self._ready:
            return self._waiting()

    def close(self) -> None:
        """Refuse whatever still comes."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _waiting(self) -> int:
        return len(self._state) + len(self._results) + len(self._live) + len(self._history)

    def _queue(self, message: Message) -> None:
        with self._ready:
            if self._closed:
                return
            is_state = message.tail in _RETAINED_TAILS
            is_result = message.tail == RESULT
            if is_result and len(self._results) >= MAX_RESULTS:
                # It is asked for again under its id.
                self._metrics.add("ingest_dropped")
                return
            if is_state:
                earlier = self._state.pop((message.gateway, message.tail), None)
                self._bytes -= len(earlier.payload) if earlier else 0
            is_history = message.tail == "up/history"
            while self._is_full(len(message.payload)):
                lane = self._history or (self._live if is_state or is_result else None)
                self._metrics.add("ingest_dropped")
                if is_history or not lane:
                    return
                self._bytes -= len(lane.popleft().payload)
            if is_state:
                self._state[message.gateway, message.tail] = message
            else:
                (self._history if is_history else self._results if is_result else self._live).append(message)
            self._bytes += len(message.payload)
            self._ready.notify()

    def _is_full(self, more_bytes: int) -> bool:
        return self._waiting() >= self._max_messages or self._bytes + more_bytes > MAX_QUEUE_BYTES

    def _park(self, topic: str, payload: bytes, kind: str, reason: str, now_ms: int) -> None:
        parked = self._poison.park(topic=topic, payload=payload, kind=kind, reason=reason, at_ms=now_ms)
        self._metrics.add("poison_parked" if parked else "poison_not_parked")
