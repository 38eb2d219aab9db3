"""The lights at the centre beside the alarm desk: the same batches, findings back to the alarms, rows to the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from collector.core.lights_cabinet import DayPlan, Surroundings
from collector.core.lights_engine import Found, LightsEngine, Saved, night_row
from collector.core.received import Received
from collector.core.rows import Row
from collector.shell.alarm_desk import Schedules
from collector.shell.desk import Desk
from collector.shell.lights_store import open_lights_store
from collector.shell.metrics import Metrics
from collector.shell.own_evidence import OwnEvidence
from collector.shell.store_queue import Pending
from config.city import Cabinet, City
from contract.lights import Calendar, elevation_degrees, lit_circuits, plan
from contract.lights.sun import dark_of
from contract.state import Meta, Online

SAVE_PAUSE_MS: Final = 5_000
PRUNE_INTERVAL_MS: Final = 3_600_000
NIGHT_ROW_MS: Final = 3 * 86_400_000
"""A night's row is written, and written again where history completes it, for so long; the report knows it always."""
_DAY_MS: Final = 86_400_000
_log = structlog.get_logger("lights")


class Plans:
    """What the calendars of a city's cabinets make of lighting days."""

    def __init__(self, city: City, rolled_out: Callable[[str], Calendar | None] = lambda _gateway: None) -> None:
        """Read the calendars.

        Raises:
            ConfigErrors: One of them is wrong.
        """
        self._schedules = Schedules(city, rolled_out)

    def plan(self, cabinet: Cabinet, day: date) -> DayPlan | None:
        """Return the plan of one lighting day; None without a calendar."""
        calendar = self._schedules.calendar_of(cabinet)
        if calendar is None:
            return None
        place = self._schedules.place_of(cabinet)
        names = {circuit.at_gateway: circuit.id for circuit in cabinet.circuits}
        steps: list[tuple[int, int, tuple[str, ...], int | None]] = []
        for step in plan(calendar, place, day, 1)[0].steps:
            lit = lit_circuits(calendar, step.level, list(names))
            steps.append((step.start_ms, step.end_ms, tuple(names[name] for name in names if name in lit), step.dim))
        dark = dark_of(place.latitude, place.longitude, place.timezone, day)
        return DayPlan(tuple(steps), None if dark is None else (dark.sunset_ms, dark.sunrise_ms))

    def sun_degrees(self, cabinet: Cabinet, at_ms: int) -> float:
        """Return how high the sun stands over a cabinet."""
        place = self._schedules.place_of(cabinet)
        return elevation_degrees(place.latitude, place.longitude, at_ms)


class LightsDesk:
    """A desk around the alarm desk: whatever goes wrong here, alarms by readings go on. Used by the same thread."""

    def __init__(
        self,
        inner: Desk,
        *,
        state_dir: Path,
        city: City,
        plans: Plans,
        evidence: OwnEvidence,
        put: Callable[[Pending], bool],
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> None:
        """Open lights.db and take the lights up where they were left.

        Args:
            inner: The alarm desk.
            state_dir: Where lights.db lies.
            city: The inventory.
            plans: The calendars.
            evidence: Takes findings to the alarms.
            put: Takes rows to the store.
            metrics: Counts what fails.
            now_ms: The collector's clock.

        Raises:
            sqlite3.Error: lights.db cannot be used.
        """
        self._inner, self._evidence, self._put, self._metrics, self._now_ms = inner, evidence, put, metrics, now_ms
        self._city = {cabinet.id: cabinet for cabinet in city.cabinets}
        self._store = open_lights_store(state_dir)
        self._engine = LightsEngine(city, Surroundings(plans.plan, plans.sun_degrees, self._shelf))
        self._looked_ms = self._pruned_ms = 0
        for name, body in self._store.states().items():
            try:
                self._engine.restore(name, orjson.loads(body))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                # A base is learned again in a week.
                _log.error("lights of a cabinet cannot be read", cabinet=name, error=repr(error)[:200])

    def start(self) -> None:
        """See `Desk.start`."""
        self._inner.start()

    def close(self) -> None:
        """Save everything, then end."""
        self._save(self._now_ms(), everything=True)
        self._store.close()
        self._inner.close()

    def evaluate(self, items: Sequence[Received]) -> None:
        """See `Desk.evaluate`; the lights are judged after the alarms, and never hold a batch up."""
        self._inner.evaluate(items)
        for item in items:
            try:
                outcome = self._engine.take(item)
            except Exception:  # noqa: BLE001 - one cabinet's defect must not keep its batch from being confirmed
                self._metrics.add("lights_failed")
                _log.exception("lights of a batch not judged", gateway=item.gateway)
                continue
            for found in outcome.found:
                self._tell(found, item.received_ms)
            self._store_rows(outcome.rows)

    def online(self, gateway: str, online: Online, received_ms: int) -> None:
        """See `Desk.online`."""
        self._inner.online(gateway, online, received_ms)

    def described(self, gateway: str, meta: Meta) -> None:
        """See `Desk.described`."""
        self._inner.described(gateway, meta)

    def connected(self, now_ms: int) -> None:
        """See `Desk.connected`."""
        self._inner.connected(now_ms)

    def disconnected(self, now_ms: int) -> None:
        """See `Desk.disconnected`."""
        self._inner.disconnected(now_ms)

    def tick(self, now_ms: int) -> None:
        """See `Desk.tick`; now and then lights are saved, and logged relamping is taken."""
        self._inner.tick(now_ms)
        if SAVE_PAUSE_MS > now_ms - self._looked_ms >= 0:
            return
        self._looked_ms = now_ms
        self._save(now_ms)
        try:
            self._take_relampings(now_ms)
            if not PRUNE_INTERVAL_MS > now_ms - self._pruned_ms >= 0:
                self._pruned_ms = now_ms
                self._store.prune(datetime.fromtimestamp(now_ms / 1000, UTC).date())
        except sqlite3.Error as error:
            self._failed(error)

    def _shelf(self, cabinet: str, day: str) -> Mapping[str, Any] | None:
        try:
            return self._store.day(cabinet, day)
        except (sqlite3.Error, ValueError) as error:
            self._failed(error)
            return None

    def _tell(self, found: Found, now_ms: int) -> None:
        for key, value in found.values.items():
            if value is True:
                told = found.values.get(f"{key}_told", "")
                _log.info("lights finding", cabinet=found.cabinet, finding=key, about=told)
        self._evidence.put(found.gateway, found.cabinet, found.values, now_ms)

    def _store_rows(self, rows: Sequence[Row]) -> None:
        if rows and not self._put(Pending(rows=tuple(rows), row_count=len(rows))):
            self._metrics.add("lights_rows_dropped", len(rows))

    def _save(self, now_ms: int, *, everything: bool = False) -> None:
        saved = list(self._engine.due_for_saving(now_ms, everything=everything))
        if not saved:
            return
        try:
            self._store.save(saved)
        except sqlite3.Error as error:
            self._engine.not_kept(saved)
            self._failed(error)
            return
        self._engine.kept(saved)
        self._store_rows([row for each in saved for row in self._night_rows(each, now_ms)])

    def _night_rows(self, saved: Saved, now_ms: int) -> Iterable[Row]:
        for body, summary in saved.days.values():
            ends_ms = int(body["noon"]) + _DAY_MS - 1
            if now_ms - NIGHT_ROW_MS <= ends_ms <= now_ms:
                yield night_row(self._city[saved.cabinet].gateway, saved.cabinet, ends_ms, summary)

    def _take_relampings(self, now_ms: int) -> None:
        waiting = self._store.relampings()
        if not waiting:
            return
        for each in waiting:
            if self._engine.relamped(each.cabinet, each.circuits):
                _log.info("relamped", cabinet=each.cabinet, circuits=list(each.circuits), by=each.by)
                found = self._engine.found_now(each.cabinet)
                if found is not None:
                    self._tell(found, now_ms)
        self._save(now_ms)
        self._store.taken((), waiting[-1].id)

    def _failed(self, error: Exception) -> None:
        self._metrics.add("lights_not_saved")
        _log.error("lights.db", error=str(error)[:300])
