"""A seeded world around the delivery core and the spool's tables: broker, collector, store, power, and a card image.

Virtual seconds; the tables are real SQL in memory, so that a kill of the agent is a lost object and a card image is a
backup of the database. Each step of the world is what `shell/delivery.py` does in a pass.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from contract.batch import ClockState
from contract.reading import Block
from edge_agent.core.delivery import DeliveryCore, Send
from edge_agent.core.delivery_batches import gone_row, rows_of
from edge_agent.core.delivery_rows import Rank, Row, key_of_id
from edge_agent.shell import spool_file
from edge_agent.shell.spool import Commit, Spool
from edge_agent.shell.spool_tables import SpoolTables

T0_MS = 1_790_000_000_000
ROOM = 20

Key = tuple[str, int]


@dataclass(slots=True)
class Faults:
    """How likely each fault is in a second, and how long it lasts at most."""

    broker: float = 4e-3
    broker_s: int = 120
    store: float = 1e-3
    store_s: int = 900
    agent: float = 3e-3
    image: float = 1e-3
    loss: float = 0.01


@dataclass
class World:
    """One gateway, one broker, one collector."""

    seed: int
    max_bytes: int = 10**9
    faults: Faults = field(default_factory=Faults)
    now_s: int = 0
    committed: dict[Key, int] = field(default_factory=dict)
    stored: set[Key] = field(default_factory=set)
    evicted: Counter[str] = field(default_factory=Counter)
    told: dict[Key, Counter[str]] = field(default_factory=dict)
    worst_live_s: int = 0
    worst_messages: int = 0
    starts: int = 0
    images: int = 0
    pending: dict[str, set[int]] = field(default_factory=dict)
    up_at: Counter[str] = field(default_factory=Counter)
    all_up_since: int | None = 0
    image: bytes | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.disk = _new_disk()
        self.is_connected = False
        self._start()

    def run(self, seconds: int, *, quiet_after: float = 0.6, longest_s: int = 100_000) -> None:
        """Let the world run; no fault begins after a share of it; then until the spool is empty."""
        while self.now_s < seconds or (self.rows_left() and self.now_s < longest_s):
            self.now_s += 1
            self._step(faulty=self.now_s < seconds * quiet_after, producing=self.now_s <= seconds)

    def rows_left(self) -> int:
        """Return how many batches the disk holds."""
        return sum(self.spool.counters.rows.values()) + len(self.spool.gone)

    def held_keys(self) -> set[Key]:
        """Return (epoch, seq) of every batch on the disk."""
        return {_key_in(body) for (body,) in self.disk.execute("SELECT body FROM batch")}

    def _step(self, *, faulty: bool, producing: bool) -> None:
        if faulty:
            self._break()
        up = {who: self.now_s >= self.up_at[who] for who in ("broker", "store", "agent")}
        self.all_up_since = (self.all_up_since or self.now_s) if all(up.values()) else None
        if not up["agent"]:
            self.is_connected = False
            return
        if self.is_connected and not up["broker"]:
            self.is_connected = False
            self.pending.clear()
        elif not self.is_connected and up["broker"]:
            self.is_connected = True
            self.core.connected(self.now_ms)
        sends = self._pass(producing=producing)
        self.worst_messages = max(self.worst_messages, len(sends))
        self._receive(sends, faulty=faulty, store_is_up=up["store"])
        self._confirm(faulty=faulty)

    def _pass(self, *, producing: bool) -> list[Send]:
        room = ROOM if self.is_connected else 0
        rows = list(self._new_rows()) if producing else []
        told = []
        if self.is_connected and not self.core.is_silent(self.now_ms):
            told = self.spool.gone
            if told:
                numbering = self.spool.live
                rows.append(gone_row(told, clock=ClockState.SYNCED, numbering=numbering, born_ms=T0_MS))
        confirmed = self.core.deletions()
        before = self._ids()
        in_flight = self.core.in_flight()
        assert self.spool.commit(Commit(rows=rows, confirmed=confirmed, in_flight=in_flight, told=told))
        self._note_evictions(before, rows, confirmed, in_flight)
        lowest = self.spool.lowest_seq(self.spool.live.number) or self.spool.live.last_seq + 1
        sends = self.core.committed(self.now_ms, rows, lowest_seq=lowest, room=room)
        held = self.spool.counters.rows[Rank.NORMAL] + self.spool.counters.rows[Rank.LOW]
        request = self.core.request(self.now_ms, room=room - len(sends), held_rows=held)
        if request is not None:
            sends += self.core.answered(self.now_ms, request, self.spool.fetch(request))
        assert len(sends) <= room
        return sends

    def _new_rows(self) -> Iterable[Row]:
        chance = self.random.random()
        ranks = [Rank.NORMAL] + [Rank.LOW] * (chance < 0.1) + [Rank.URGENT] * (chance > 0.97)
        for rank in ranks:
            block = Block(
                device="cab-1", observed_at_ms=T0_MS + self.now_ms, keys=("u",), values=(230.5,), monotonic_ms=1
            )
            for row in rows_of(
                [block], rank=rank, clock=ClockState.SYNCED, numbering=self.spool.live, born_ms=T0_MS + self.now_ms
            ):
                self.committed[_key_in(row.body)] = self.now_s
                yield row

    def _receive(self, sends: list[Send], *, faulty: bool, store_is_up: bool) -> None:
        for send in sends:
            if (faulty and self.random.random() < self.faults.loss) or not store_is_up:
                continue
            message = json.loads(send.body)
            key = (message["epoch"], message["seq"])
            assert send.lowest_seq <= key[1], "a batch below the lowest number that is still held"
            born_s = self.committed.get(key)
            is_new = key not in self.stored
            if born_s is not None and is_new and self.all_up_since is not None and born_s > self.all_up_since + 60:
                self.worst_live_s = max(self.worst_live_s, self.now_s - born_s)
            self.stored.add(key)
            if "gone" in message:
                self.told[key] = Counter({one["what"]: one["batches"] for one in message["gone"]})
            self.pending.setdefault(key[0], set()).add(key[1])

    def _confirm(self, *, faulty: bool) -> None:
        pending, self.pending = self.pending, {}
        if not self.is_connected or (faulty and self.random.random() < self.faults.loss):
            return
        numbers = self.spool.epoch_numbers
        ranges = [(numbers[epoch], seq, seq) for epoch, seqs in pending.items() if epoch in numbers for seq in seqs]
        for epoch, seqs in pending.items():
            for seq in seqs:
                assert (epoch, seq) in self.stored
        if ranges:
            self.core.confirmed(self.now_ms, ranges)

    def _break(self) -> None:
        faults, chance = self.faults, self.random.random
        for who, likely, longest_s in (
            ("broker", faults.broker, faults.broker_s),
            ("store", faults.store, faults.store_s),
        ):
            if chance() < likely:
                self.up_at[who] = max(self.up_at[who], self.now_s + self.random.randint(1, longest_s))
        if chance() < faults.agent:
            self.up_at["agent"] = self.now_s + self.random.randint(1, 30)
            self._start()
        if chance() < faults.image:
            self.image = self.disk.serialize()
        if self.image is not None and chance() < faults.image:
            # What was committed since the image was made is gone with the card, and nobody can tell.
            image_keys = self.held_keys()
            self.disk = _new_disk(self.image)
            for key in image_keys - self.held_keys() - self.stored:
                self.committed.pop(key, None)
            self.images += 1
            self._start()

    def _start(self) -> None:
        self.starts += 1
        self.is_connected = False
        self.pending.clear()
        self.spool = Spool(Path("unused"), max_bytes=self.max_bytes)
        tables = SpoolTables(self.disk, self.spool.counters)
        self.spool._tables = tables
        self.spool.placed.number = max(tables.epochs, default=0) + 1
        self.spool.live.number = self.spool.placed.number + 1
        self.spool._know_epochs()
        self.core = DeliveryCore(epoch_number=self.spool.live.number, now_ms=self.now_ms)

    def _note_evictions(
        self, before: set[int], rows: list[Row], confirmed: list[tuple[int, int]], in_flight: set[int]
    ) -> None:
        if self.max_bytes == 10**9:
            return
        present = before | {row.identity for row in rows}
        expected = {one for one in present if not any(first <= key_of_id(one) <= last for first, last in confirmed)}
        lost = expected - self._ids()
        assert not lost & in_flight, "evicted in flight"
        assert not lost or max(lost) <= max(expected - in_flight), "order of eviction"
        self.evicted.update({"batches": len(lost)})

    def _ids(self) -> set[int]:
        if self.max_bytes == 10**9:
            return set()
        return {identity for (identity,) in self.disk.execute("SELECT id FROM batch")}

    @property
    def now_ms(self) -> int:
        """The boot clock."""
        return self.now_s * 1000


def _key_in(body: bytes) -> Key:
    message = json.loads(body)
    return message["epoch"], message["seq"]


def _new_disk(image: bytes | None = None) -> sqlite3.Connection:
    disk = sqlite3.connect(":memory:", isolation_level=None)
    if image is not None:
        disk.deserialize(image)
    else:
        disk.executescript(spool_file.MIGRATIONS[0])
    return disk
