"""When which batch is sent, and which may leave the disk: the agent's half of the delivery protocol.

Pure: times are milliseconds of the boot clock and come as arguments; rows are named by their ids and stay on disk.
What is held here is bounded whatever the backlog: the rows of the last ten seconds, 256 urgent rows, 50 rows of
history in flight, ten minutes of one mark a second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from edge_agent.core.backoff import TokenBucket
from edge_agent.core.delivery_rows import (
    Fetched,
    KeyRanges,
    Rank,
    Row,
    key_of,
    key_of_id,
    rank_of_id,
    seq_of,
)

LIVE_MS: Final = 10_000
"""What is not confirmed by then is history; history in flight is sent again after it."""
RECENT_MS: Final = 600_000
"""History younger than this overtakes the backlog."""
SILENCE_MS: Final = 30_000
FIRST_GAP_MS: Final = 5_000
LONGEST_GAP_MS: Final = 60_000
RATE_PER_S: Final = 20
HISTORY_WINDOW: Final = 50
URGENT_WINDOW: Final = 256
URGENT_SHARE: Final = 0.75
"""Of the tokens of a pass: the rest stays for history, so that old alarms never stop what was lost just now."""
LIVE_RESERVE: Final = 5
"""Places in the MQTT client that history leaves free."""
MAX_LIVE_ROWS: Final = 4096
MAX_CONFIRMED_RANGES: Final = 4096
_MARK_MS: Final = 1_000


class Channel(Enum):
    """The topic that a copy travels on."""

    LIVE = "live"
    EVENT = "event"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Send:
    """One copy of one batch to publish."""

    channel: Channel
    identity: int
    lowest_seq: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What to read from the spool for the next sends.

    Attributes:
        urgent: Ids of urgent rows that are due again.
        more_urgent: How many further ids of urgent rows to name, the oldest first.
        recent: Keys (above, up to) and how many rows of normal and low priority to read from there.
        old: The same for the backlog, the oldest first.
        known_urgent: Urgent rows that need not be named.
        in_flight: History that is not due yet.
        confirmed: Keys that are confirmed and wait for their deletion.
    """

    urgent: tuple[int, ...]
    more_urgent: int
    recent: tuple[int, int, int]
    old: tuple[int, int, int]
    known_urgent: frozenset[int]
    in_flight: frozenset[int]
    confirmed: KeyRanges


@dataclass(frozen=True, slots=True)
class Answer:
    """What the spool gave for a request."""

    urgent: Sequence[Fetched] = ()
    more_urgent: Sequence[int] = ()
    history: Sequence[Fetched] = ()


@dataclass(slots=True)
class _Repeat:
    next_ms: int
    gap_ms: int


class DeliveryCore:
    """State of one run of the agent."""

    def __init__(self, *, epoch_number: int, now_ms: int) -> None:
        """Begin with nothing sent; what the spool held before counts as history.

        Args:
            epoch_number: Local number of the epoch that new batches get; those of older epochs are smaller.
            now_ms: Boot clock.
        """
        self._epoch_number = epoch_number
        self._live: dict[int, int] = {}
        self._urgent: dict[int, _Repeat] = {}
        self._urgent_backlog = True
        self._in_flight: dict[int, int] = {}
        self._confirmed = KeyRanges(MAX_CONFIRMED_RANGES)
        self._marks: list[tuple[int, int]] = []
        self._highest_seq = 0
        self._tokens = TokenBucket(rate=RATE_PER_S, burst=RATE_PER_S, now_ms=now_ms)
        self._last_confirm_ms = now_ms - SILENCE_MS
        self._probe_ms = now_ms
        self._probe_gap_ms = FIRST_GAP_MS

    @property
    def live_count(self) -> int:
        """Rows of the last ten seconds that are not confirmed yet."""
        return len(self._live)

    def in_flight(self) -> set[int]:
        """Return the ids that were sent and may be confirmed any moment: never evict these."""
        return {*self._live, *self._in_flight, *self._urgent}

    def connected(self, now_ms: int) -> None:
        """Begin a connection: urgent rows are due, history begins with one probe and not with a burst."""
        for repeat in self._urgent.values():
            repeat.next_ms, repeat.gap_ms = now_ms, FIRST_GAP_MS
        self._in_flight.clear()
        self._last_confirm_ms = now_ms - SILENCE_MS
        self._probe_ms, self._probe_gap_ms = now_ms, FIRST_GAP_MS

    def committed(self, now_ms: int, rows: Iterable[Row], *, lowest_seq: int, room: int) -> list[Send]:
        """Take rows just committed and return the copies to send at once, the urgent first.

        Args:
            now_ms: Boot clock.
            rows: In the order of their numbers.
            lowest_seq: The lowest number of this epoch that is still held.
            room: How many messages the MQTT client takes; 0 without a connection.
        """
        sends: list[Send] = []
        for row in sorted(rows, key=lambda row: -rank_of_id(row.identity)):
            rank = rank_of_id(row.identity)
            goes = len(sends) < room
            self._highest_seq = max(self._highest_seq, seq_of(key_of_id(row.identity)))
            if rank is Rank.URGENT:
                self._watch(row.identity, now_ms + FIRST_GAP_MS if goes else now_ms)
            elif len(self._live) < MAX_LIVE_ROWS:
                self._live[row.identity] = now_ms
            if goes:
                channel = Channel.EVENT if rank is Rank.URGENT else Channel.LIVE
                sends.append(Send(channel, row.identity, lowest_seq, row.body))
        self._mark(now_ms)
        self._tokens.available(now_ms)
        self._tokens.take(sum(send.channel is Channel.EVENT for send in sends))
        return sends

    def kept(self, rows: Iterable[int]) -> None:
        """Take note of urgent rows that entered the spool without being sent, such as those of an earlier boot."""
        self._urgent_backlog = self._urgent_backlog or any(rank_of_id(row) is Rank.URGENT for row in rows)

    def confirmed(self, now_ms: int, ranges: Iterable[tuple[int, int, int]]) -> int:
        """Take (epoch number, first, last) of a confirm; return how many rows of those in flight it named.

        Numbers of this epoch that were never given are not believed.
        """
        before = len(self._live) + len(self._urgent) + len(self._in_flight)
        bounded = KeyRanges(MAX_CONFIRMED_RANGES)
        for epoch_number, first, last in ranges:
            highest = self._highest_seq if epoch_number == self._epoch_number else 2**40 - 1
            if first <= min(last, highest):
                bounded.add(key_of(epoch_number, first), key_of(epoch_number, min(last, highest)))
        if not len(bounded):
            return 0
        for held in (self._live, self._urgent, self._in_flight):
            for identity in [identity for identity in held if key_of_id(identity) in bounded]:
                del held[identity]
        self._confirmed.update(bounded)
        self._last_confirm_ms, self._probe_gap_ms = now_ms, FIRST_GAP_MS
        return before - len(self._live) - len(self._urgent) - len(self._in_flight)

    def deletions(self) -> list[tuple[int, int]]:
        """Hand over the confirmed keys for deletion; give them back with `undeleted` if it fails."""
        ranges = list(self._confirmed)
        self._confirmed = KeyRanges(MAX_CONFIRMED_RANGES)
        return ranges

    def undeleted(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take back keys whose deletion failed."""
        self._confirmed.update(ranges)

    @property
    def has_deletions(self) -> bool:
        """Whether confirmed rows wait for a commit."""
        return len(self._confirmed) > 0

    def request(self, now_ms: int, *, room: int, held_rows: int) -> Request | None:
        """Return what to read for the next sends, None if nothing is due.

        Args:
            now_ms: Boot clock.
            room: How many messages the MQTT client takes; 0 without a connection.
            held_rows: Rows of normal and low priority in the spool.
        """
        self._mark(now_ms)
        self._expire(now_ms)
        tokens = min(self._tokens.available(now_ms), room)
        if tokens <= 0:
            return None
        share = max(1, int(tokens * URGENT_SHARE))
        due = sorted(identity for identity, repeat in self._urgent.items() if repeat.next_ms <= now_ms)[:share]
        more = URGENT_WINDOW - len(self._urgent) if self._urgent_backlog else 0
        count = self._history_room(now_ms, min(tokens - len(due), room - len(due) - LIVE_RESERVE), held_rows)
        if not due and not more and not count:
            return None
        ten_seconds, ten_minutes = self._key_at(now_ms - LIVE_MS), self._key_at(now_ms - RECENT_MS)
        return Request(
            urgent=tuple(due),
            more_urgent=more,
            recent=(ten_minutes, ten_seconds, count),
            old=(0, ten_minutes, count),
            known_urgent=frozenset(self._urgent),
            in_flight=frozenset(self._in_flight),
            confirmed=self._confirmed.copied(),
        )

    def answered(self, now_ms: int, request: Request, answer: Answer) -> list[Send]:
        """Take what the spool gave for a request and return the copies to send."""
        sends = []
        found = {fetched.identity for fetched in answer.urgent}
        for identity in request.urgent:
            if identity not in found:
                self._urgent.pop(identity, None)
        for fetched in answer.urgent:
            repeat = self._urgent.get(fetched.identity)
            if repeat is None:
                continue
            repeat.next_ms = now_ms + repeat.gap_ms
            repeat.gap_ms = min(LONGEST_GAP_MS, repeat.gap_ms * 2)
            sends.append(Send(Channel.EVENT, fetched.identity, fetched.lowest_seq, fetched.body))
        for identity in answer.more_urgent:
            if key_of_id(identity) not in self._confirmed:
                self._watch(identity, now_ms)
        if request.more_urgent and len(answer.more_urgent) < request.more_urgent:
            self._urgent_backlog = False
        for fetched in answer.history[: max(request.recent[2], request.old[2])]:
            if key_of_id(fetched.identity) in self._confirmed:
                continue
            self._in_flight[fetched.identity] = now_ms
            sends.append(Send(Channel.HISTORY, fetched.identity, fetched.lowest_seq, fetched.body))
        if answer.history and self.is_silent(now_ms):
            self._probe_ms = now_ms + self._probe_gap_ms
            self._probe_gap_ms = min(LONGEST_GAP_MS, self._probe_gap_ms * 2)
        self._tokens.take(len(sends))
        return sends

    def is_silent(self, now_ms: int) -> bool:
        """Return whether no confirm has come for so long that only probes are sent."""
        return now_ms - self._last_confirm_ms >= SILENCE_MS

    def _history_room(self, now_ms: int, room: int, held_rows: int) -> int:
        if held_rows <= len(self._live):
            return 0
        if self.is_silent(now_ms):
            return int(now_ms >= self._probe_ms and room > 0)
        return max(0, min(room, HISTORY_WINDOW - len(self._in_flight)))

    def _watch(self, identity: int, next_ms: int) -> None:
        if identity in self._urgent:
            return
        if len(self._urgent) >= URGENT_WINDOW:
            self._urgent_backlog = True
            return
        self._urgent[identity] = _Repeat(next_ms, FIRST_GAP_MS)

    def _mark(self, now_ms: int) -> None:
        if not self._marks or (now_ms - self._marks[-1][0] >= _MARK_MS and self._highest_seq > self._marks[-1][1]):
            self._marks.append((now_ms, self._highest_seq))

    def _expire(self, now_ms: int) -> None:
        # Both dicts keep the order of time, so the expired stand at their beginning.
        for held in (self._live, self._in_flight):
            while held:
                identity = next(iter(held))
                if now_ms - held[identity] <= LIVE_MS:
                    break
                del held[identity]
        if len(self._marks) > 2 * RECENT_MS // _MARK_MS:
            keep = bisect_right(self._marks, (now_ms - RECENT_MS, 2**63)) - 1
            del self._marks[: max(0, keep)]

    def _key_at(self, time_ms: int) -> int:
        """Return the highest key that was committed by a time."""
        place = bisect_right(self._marks, (time_ms, 2**63)) - 1
        return key_of(self._epoch_number, self._marks[place][1] if place >= 0 else 0)
