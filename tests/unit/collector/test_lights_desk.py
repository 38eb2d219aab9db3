"""The desk of the lights around the alarm desk: what it tells, stores and keeps, and that its failures stop nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from collector.core.received import Received
from collector.core.rules_evidence import own_device
from collector.shell.lights_desk import LightsDesk, Plans
from collector.shell.lights_store import LightsStore, read_nights
from collector.shell.metrics import Metrics
from collector.shell.own_evidence import OwnEvidence
from collector.shell.store_queue import Pending
from config.city import City
from contract.lights import Calendar
from contract.state import Meta, Online
from tests.unit.collector.lights_gateway import CABINET, GATEWAY, Gateway, city_of, days_after, ms_of
from tests.unit.collector.lights_street import DAY_S, ON_S

NOON_S = DAY_S / 2
CALENDAR = Calendar.model_validate(
    {
        "name": "test",
        "levels": {100: ["A", "B", "C"], 67: ["A", "B"]},
        "programs": [
            {
                "id": "p",
                "periods": [
                    {"on": {"at": "18:00"}, "off": {"at": "22:30"}},
                    {"on": {"at": "22:30"}, "off": {"at": "05:00"}, "level": 67},
                ],
            }
        ],
        "default": "p",
    }
)


class Inner:
    """Stands for the alarm desk."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def evaluate(self, items: Sequence[Received]) -> None:
        self.calls.append(f"evaluate {len(items)}")

    def online(self, gateway: str, online: Online, received_ms: int) -> None:
        self.calls.append(f"online {gateway} {online.online} {received_ms}")

    def described(self, gateway: str, meta: Meta) -> None:
        self.calls.append(f"described {gateway} {meta.sw}")

    def connected(self, now_ms: int) -> None:
        self.calls.append(f"connected {now_ms}")

    def disconnected(self, now_ms: int) -> None:
        self.calls.append(f"disconnected {now_ms}")

    def tick(self, now_ms: int) -> None:
        self.calls.append(f"tick {now_ms}")

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")


class Rig:
    """A desk with everything around it."""

    def __init__(self, folder: Path, city: City | None = None) -> None:
        self.city = city or city_of()
        self.inner, self.evidence, self.metrics = Inner(), OwnEvidence(), Metrics()
        self.rows: list[Pending] = []
        self.now_ms = ms_of(NOON_S)
        self.ticked_ms = 0
        self.desk = LightsDesk(
            self.inner,
            state_dir=folder,
            city=self.city,
            plans=Plans(self.city, lambda _gateway: CALENDAR),
            evidence=self.evidence,
            put=self.put,
            metrics=self.metrics,
            now_ms=lambda: self.now_ms,
        )

    def put(self, pending: Pending) -> bool:
        self.rows.append(pending)
        return True

    def run(self, gateway: Gateway, first_s: float, end_s: float, tick_s: float = 0) -> None:
        for item in gateway.batches(first_s, end_s):
            self.now_ms = item.received_ms
            self.desk.evaluate([item])
            if self.now_ms - self.ticked_ms >= tick_s * 1000:
                self.ticked_ms = self.now_ms
                self.desk.tick(self.now_ms)

    def told(self) -> dict[str, object]:
        values: dict[str, object] = {}
        for gateway, block in self.evidence.take():
            assert (gateway, block.device) == (GATEWAY, own_device(CABINET))
            values |= dict(zip(block.keys, block.values, strict=True))
        return values


def test_plans_are_those_of_the_calendar_with_the_inventory_s_names() -> None:
    circuits = [
        {"id": name, "gateway_circuit": other, "lamp_type": "led", "lamps": 8, "lamp_power_w": 60, "power": [f"p{n}"]}
        for n, (name, other) in enumerate((("North", "A"), ("South", "B"), ("Park", "C")), 1)
    ]
    city = city_of(circuits=circuits)
    plan = Plans(city, lambda _gateway: CALENDAR).plan(city.cabinets[0], date(2027, 1, 1))
    assert plan is not None
    assert [(step[0], step[1], step[2]) for step in plan.steps] == [
        (ms_of(ON_S), ms_of(22.5 * 3600), ("North", "South", "Park")),
        (ms_of(22.5 * 3600), ms_of(29 * 3600), ("North", "South")),
    ]
    assert plan.dark is not None
    assert plan.dark[0] < plan.steps[0][0]


def test_without_a_calendar_there_is_no_plan() -> None:
    city = city_of()
    assert Plans(city).plan(city.cabinets[0], date(2027, 1, 1)) is None


def test_findings_reach_the_alarms_and_estimates_and_nights_the_store(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    gateway = Gateway(closed=lambda at_s, name, wanted: wanted and not (name == "A" and at_s < ON_S + 3600))
    rig.run(gateway, NOON_S, ON_S + 600)
    assert rig.told()["contactor_no_close"] is True
    rig.run(gateway, ON_S + 600, NOON_S + DAY_S + 1200, tick_s=600)
    told = rig.told()
    assert (told["contactor_no_close"], told["contactor_no_close_told"]) == (False, "A")
    rows = [row for pending in rig.rows for row in pending.rows]
    assert {(row.measurement, row.gateway, row.device) for row in rows} == {("lights", GATEWAY, CABINET)}
    nights = [row for row in rows if "night_energy_wh" in row.fields]
    assert {row.time_ms for row in nights} == {ms_of(NOON_S + DAY_S) - 1}
    assert nights[-1].fields["night_energy_wh"] == pytest.approx(gateway.energy_wh - 5_000_000, rel=0.01)
    rig.desk.close()
    kept = read_nights(tmp_path, date(2027, 1, 1), date(2027, 1, 2)).nights[CABINET]
    assert [night.day for night in kept] == [days_after(0)]
    assert kept[0].planned == {"A": 660, "B": 660, "C": 270}


def test_estimates_are_stored_once_the_base_stands(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.run(Gateway(step_s=300, missing=0.0), NOON_S, 8.1 * DAY_S, tick_s=20_000)
    rows = [row for pending in rig.rows for row in pending.rows if "lost_lamps_a" in row.fields]
    assert rows
    newest = rows[-1].fields
    assert newest["lamps_out_a"] == 0
    assert isinstance(newest["base_share_a"], float)
    assert 0.85 < newest["base_share_a"] < 1.15
    rig.desk.close()


def test_all_else_goes_through_to_the_alarm_desk(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.desk.start()
    rig.desk.connected(1)
    rig.desk.online("g", Online(online=True, nonce="n" * 16, sw="1", since=1), 2)
    rig.desk.disconnected(3)
    rig.desk.close()
    assert rig.inner.calls == ["start", "connected 1", "online g True 2", "disconnected 3", "close"]


def test_a_defect_or_a_full_disk_keeps_no_batch_from_the_alarms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)

    def defect(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rig.desk._engine, "take", defect)
    rig.run(Gateway(missing=0.0), NOON_S, NOON_S + 240)
    assert rig.metrics.snapshot()["lights_failed"] > 0
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(rig.desk._store, "save", full)
    rig.run(Gateway(missing=0.0), NOON_S + 240, NOON_S + 1200)
    assert rig.metrics.snapshot()["lights_not_saved"] > 1
    monkeypatch.undo()
    rig.run(Gateway(missing=0.0), NOON_S + 1200, NOON_S + 1500)
    rig.desk.close()
    store = LightsStore(tmp_path)
    assert store.day(CABINET, days_after(0)) is not None
    store.close()


def test_a_state_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    store = LightsStore(tmp_path)
    with sqlite3.connect(tmp_path / "lights.db") as database:
        database.execute("INSERT INTO cabinet VALUES (?, ?)", (CABINET, '{"watches": 5}'))
    store.close()
    rig = Rig(tmp_path)
    rig.run(Gateway(), NOON_S, NOON_S + 300)
    rig.desk.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "lights.db").write_bytes(b"this is no database" * 500)
    rig = Rig(tmp_path)
    rig.run(Gateway(missing=0.0), NOON_S, NOON_S + 600)
    rig.desk.close()
    assert (tmp_path / "lights.db.damaged-1").stat().st_size == 9500
    assert list(read_nights(tmp_path, date(2027, 1, 1), date(2027, 1, 2)).nights) == [CABINET]


def test_logged_relamping_is_taken_once_and_clears_what_was_out(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    gateway = Gateway(step_s=300, missing=0.0, noise=0.002)
    gateway.streets["A"].each[0].dead_from_s = 8 * DAY_S
    rig.run(gateway, NOON_S, 8.2 * DAY_S, tick_s=20_000)
    assert rig.told()["lamps_out"] is True
    store = LightsStore(tmp_path)
    store.log_relamping(CABINET, ["A"], "huong", rig.now_ms)
    store.log_relamping("c-gone", [], "huong", rig.now_ms)
    rig.desk.tick(rig.now_ms + 10_000)
    assert rig.told()["lamps_out"] is False
    assert store.relampings() == []
    store.close()
    watches = rig.desk._engine._cabinets[CABINET].watches
    assert watches["A"].model.states == {}
    assert watches["B"].model.states != {}
    rig.desk.close()
