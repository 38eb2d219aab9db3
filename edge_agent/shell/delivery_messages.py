"""What delivery publishes: batches, meta, the latest states, results, a heartbeat."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import orjson
import structlog

from contract.batch import ClockState
from contract.codec import encode, stamped
from contract.command import Result
from contract.reading import Block
from contract.state import MAX_META_BYTES, Meta
from contract.topics import GatewayTopics
from contract.want import WantReport
from edge_agent.core.clock_hold import ClockHold
from edge_agent.core.delivery import LIVE_RESERVE, Channel, Send
from edge_agent.core.delivery_batches import Numbering, waiting_body
from edge_agent.core.delivery_state import LatestStates
from edge_agent.core.grouping import Grouping
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.uplink import Uplink

_log = structlog.get_logger(__name__)

MAX_RESULTS: Final = 256
HEARTBEAT_MS: Final = 20_000
"""The collector calls a gateway offline when it hears no batch for 30 s."""
_WAITING_BLOCKS: Final = 100


class Messages:
    """The messages of one gateway on their topics, never more than the MQTT client has room for."""

    def __init__(
        self, *, uplink: Uplink, topics: GatewayTopics, clock: GatewayClock, numbering: Numbering, states: LatestStates
    ) -> None:
        """Publish on an uplink; `numbering` gives the numbers of what is sent without being kept."""
        self._uplink = uplink
        self._clock = clock
        self._numbering = numbering
        self._states = states
        self._topics = topics
        self._channels = {
            Channel.LIVE: topics.live,
            Channel.EVENT: topics.event,
            Channel.HISTORY: topics.history,
        }
        self._results: deque[bytes] = deque(maxlen=MAX_RESULTS)
        self._meta_is_due = False
        self._want_report: bytes | None = None
        self._want_is_due = False
        self._batch_sent_ms = 0
        self.metrics: Counter[str] = Counter()

    def connected(self) -> None:
        """Make meta and all states due."""
        self._meta_is_due = True
        self._want_is_due = self._want_report is not None
        self._batch_sent_ms = self._clock.monotonic_ms()
        self._states.all_again()

    def send(self, sends: Iterable[Send], sent_ms: int) -> None:
        """Publish copies of batches."""
        for send in sends:
            payload = stamped(send.body, sent_ms=sent_ms, lowest_seq=send.lowest_seq)
            if self._uplink.publish(self._channels[send.channel], payload):
                self.metrics[f"sent_{send.channel.value}"] += 1
                self._batch_sent_ms = self._clock.monotonic_ms()

    def send_waiting(self, blocks: Sequence[Block], sent_ms: int) -> None:
        """Publish urgent readings whose time is not known: evaluated at receipt, stored later from the spool."""
        now_ms = self._clock.monotonic_ms()
        for start in range(0, len(blocks), _WAITING_BLOCKS):
            part = blocks[start : start + _WAITING_BLOCKS]
            age_ms = max(0, now_ms - max(block.monotonic_ms for block in part))
            self._send_unkept(waiting_body(part, self._numbering), age_ms, sent_ms)

    def send_result(self, result: Result) -> None:
        """Publish what became of a command, after the next connection if there is none."""
        self._results.append(encode(result))
        self._send_results()

    def send_want_report(self, report: WantReport) -> None:
        """Publish what the gateway goes by, and again at each connection."""
        payload = encode(report)
        if payload != self._want_report:
            self._want_report, self._want_is_due = payload, True

    def send_rest(self, now_ms: int, *, meta: Callable[[], Meta], hold: ClockHold, grouping: Grouping) -> None:
        """Publish what is due beside batches, as far as there is room; a heartbeat if nothing was sent for long."""
        if self._uplink.room <= LIVE_RESERVE:
            return
        if self._meta_is_due:
            self._send_meta(meta())
        self._send_results()
        if self._want_is_due and self._want_report is not None:
            self._want_is_due = not self._uplink.publish(self._topics.want_report, self._want_report, retain=True)
        for device in list(self._states.due(now_ms)):
            if self._uplink.room <= LIVE_RESERVE:
                return
            payload = orjson.dumps(self._states.published(device, now_ms))
            self._uplink.publish(self._topics.state(device), payload, retain=True)
        if now_ms - self._batch_sent_ms >= HEARTBEAT_MS:
            newest = grouping.newest_urgent() if hold.state is ClockState.WAITING else ()
            sent_ms = hold.time_of(now_ms) or 0
            if newest:
                self.send_waiting(newest, sent_ms)
            else:
                self._send_unkept(waiting_body((), self._numbering), 0, sent_ms)

    def _send_unkept(self, body: bytes, age_ms: int, sent_ms: int) -> None:
        payload = stamped(body, sent_ms=sent_ms, lowest_seq=self._numbering.last_seq, age_ms=age_ms)
        if self._uplink.publish(self._topics.event, payload):
            self.metrics["sent_waiting"] += 1
            self._batch_sent_ms = self._clock.monotonic_ms()

    def _send_meta(self, meta: Meta) -> None:
        payload = encode(meta)
        if len(payload) > MAX_META_BYTES:
            self.metrics["meta_too_large"] += 1
            _log.error("meta_too_large", bytes=len(payload), limit=MAX_META_BYTES)
        self._meta_is_due = not self._uplink.publish(self._topics.meta, payload, retain=True)

    def _send_results(self) -> None:
        while self._results and self._uplink.publish(self._topics.result, self._results[0]):
            self._results.popleft()
