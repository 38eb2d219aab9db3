from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.agent import AgentConfig
from config.agent import PulseCounter as CounterConfig
from config.loader import load_text
from config.points import PointSpec
from contract.reading import Block, Cause
from edge_agent.core.pulses import Booking, Count, PulseCounter, slowest_sampling_s
from edge_agent.shell.built_in import meta_of
from edge_agent.shell.devices import Device, Fleet
from edge_agent.shell.pulses import PulseCounting
from tests.unit.edge_agent.virtual_agent import START_MS, VirtualClock, memory_device, run_for, run_virtual, spec


def counter(saved: Count | None = None, **facts: Any) -> PulseCounter:
    return PulseCounter(
        **{"quantity": 0.2, "debounce_s": 0.05, "shortest_pulse_s": 0.2, "counts": True, "saved": saved, **facts}
    )


def play(one: PulseCounter, levels: str, *, step_s: float = 0.05, start_s: float = 0.0) -> float:
    """Sample `1`, `0` and `?` (not GOOD) one after another; return the time of the last."""
    at_s = start_s
    for place, level in enumerate(levels):
        at_s = start_s + place * step_s
        one.sample({"1": True, "0": False}.get(level), at_s)
    return at_s


def booked(one: PulseCounter, at_s: float) -> Booking:
    booking = one.book(at_s)
    assert booking is not None
    return booking


@pytest.mark.parametrize(
    ("levels", "pulses"),
    [
        ("000000", 0),
        ("001100", 1),
        ("00110011000", 2),
        ("0011001", 1),  # one sample is not yet a pulse
        ("0010000", 0),  # a single sample is a disturbance
        ("0011011000", 1),  # it bounces open once
        ("0010110000", 1),  # it bounces on closing
        ("110011", 1),  # closed at the start is no pulse
        ("00?1100", 1),
        ("001?100", 0),  # seen once on each side of a reading that failed
        ("001?1100", 1),
    ],
)
def test_pulses_are_counted_once_the_level_has_lasted(levels: str, pulses: int) -> None:
    one = counter()
    play(one, levels)
    assert one.count.pulses == pulses


def test_an_opening_contact_can_be_the_pulse() -> None:
    one = counter(counts=False)
    play(one, "1100110011")
    assert one.count.pulses == 2


def test_without_debounce_every_change_counts() -> None:
    one = counter(debounce_s=0.0)
    play(one, "0101010")
    assert one.count.pulses == 3


def test_amounts_are_of_their_interval_and_the_total_of_all() -> None:
    one = counter()
    end_s = play(one, "0011001100")
    first = booked(one, end_s)
    end_s = play(one, "0011001100" + "1100", start_s=end_s + 0.05)
    second = booked(one, end_s)
    assert (first.amount, first.total, first.pulses) == (0.4, 0.4, 2)
    assert (second.amount, second.total, second.pulses) == (0.6, 1.0, 5)
    assert (first.is_complete, second.is_complete) == (False, True)


def test_an_interval_in_which_a_pulse_may_have_been_missed_says_so() -> None:
    one = counter()
    booked(one, play(one, "0000000"))
    end_s = play(one, "0000", start_s=0.35)
    whole = booked(one, end_s)
    end_s = play(one, "0000", start_s=end_s + 0.5)
    holed = booked(one, end_s)
    after = booked(one, play(one, "0000", start_s=end_s + 0.05))
    assert [one.is_complete for one in (whole, holed, after)] == [True, False, True]


def test_an_input_that_nobody_saw_gives_no_amount() -> None:
    one = counter()
    assert one.book(1.0) is None
    booked(one, play(one, "0011"))
    unseen = booked(one, 60.0)
    assert (unseen.was_seen, unseen.is_complete, unseen.total) == (False, False, 0.2)


def test_a_restart_goes_on_counting_and_counts_nothing_twice() -> None:
    one = counter()
    play(one, "00110011")
    again = counter(one.count)
    play(again, "110000", start_s=100.0)
    assert again.count.pulses == 2
    # Closed while nobody looked: it was open when it was kept, so one pulse began since.
    kept = again.count
    assert kept.level is False
    later = counter(kept)
    play(later, "1111", start_s=200.0)
    assert later.count.pulses == 3


def test_a_crash_before_the_booking_counts_the_pulse_again_from_the_level_that_was_kept() -> None:
    one = counter()
    play(one, "0000")
    kept = one.count
    play(one, "1111", start_s=1.0)
    assert one.count.pulses == 1
    crashed = counter(kept)
    play(crashed, "1111", start_s=2.0)
    assert crashed.count.pulses == 1


@given(
    st.lists(st.tuples(st.floats(0.2, 3.0), st.floats(0.2, 3.0)), min_size=1, max_size=20),
    st.floats(0.0, 1.0),
    st.lists(st.integers(1, 400), max_size=8),
    st.lists(st.integers(1, 400), max_size=3),
)
def test_every_pulse_of_the_promised_length_is_counted(
    pulses: list[tuple[float, float]], phase: float, bookings: list[int], restarts: list[int]
) -> None:
    """Sampled as seldom as promised, with bookings and orderly restarts between any two samples."""
    interval_s = slowest_sampling_s(0.2, 0.05)
    edges: list[tuple[float, bool]] = []
    at_s = 1.0
    for closed_s, open_s in pulses:
        edges += [(at_s, True), (at_s + closed_s, False)]
        at_s += closed_s + open_s
    one = counter()
    amounts = 0.0
    number = 0
    while (now_s := phase * interval_s + number * interval_s) < at_s + 1.0:
        level = next((level for edge_s, level in reversed(edges) if edge_s <= now_s), False)
        one.sample(level, now_s)
        if number in bookings:
            amounts += booked(one, now_s).amount
        if number in restarts and one.count.level == level:
            # Between two samples and with nothing begun: the level that is kept is the input's.
            one = counter(one.count)
        number += 1
    last = booked(one, at_s + 1.0)
    assert last.pulses == len(pulses)
    assert last.total == pytest.approx(0.2 * len(pulses))
    assert amounts + last.amount == pytest.approx(last.total)


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 50)), max_size=60))
def test_any_samples_never_count_backwards(samples: list[tuple[bool | None, float]]) -> None:
    one = counter()
    last = 0
    for level, at_s in samples:
        one.sample(level, at_s)
        assert last <= one.count.pulses <= last + 1
        last = one.count.pulses


def test_how_seldom_an_input_may_be_read() -> None:
    assert slowest_sampling_s(1.0, 0.0) == 1.0
    assert slowest_sampling_s(1.0, 0.1) == 0.45
    assert slowest_sampling_s(0.05, 0.1) < 0


CONFIG = CounterConfig(
    id="rain", source="io/di1", en="Rain", vi="Mưa", quantity_per_pulse=0.2, unit="mm", shortest_pulse_s=0.2
)


class Rig:
    """A counter on an input in memory, in virtual time."""

    def __init__(self, folder: Path, config: CounterConfig = CONFIG) -> None:
        self.clock = VirtualClock()
        self.file = folder / "counters.json"
        self.sent: list[Block] = []
        board, _ = memory_device(self.clock, [spec("di1", type="bool", table="discrete")], name="io")
        self.board: Device = board
        self.fleet = Fleet(devices=(board,))
        self.config = config
        self.counting = self.started()

    def started(self) -> PulseCounting:
        return PulseCounting(
            configs=(self.config,), fleet=self.fleet, file=self.file, clock=self.clock, sink=self._take
        )

    def _take(self, block: Block, points: Mapping[str, PointSpec]) -> None:
        assert set(points) == {"amount", "total", "pulses"}
        self.sent.append(block)

    def show(self, levels: str) -> None:
        for level in levels:
            self.clock.now_s += 0.1
            bad = level == "?"
            self.counting.observe(
                self.board,
                Block(
                    device="io",
                    observed_at_ms=self.clock.wall_ms(),
                    keys=("di1",),
                    values=(None if bad else level == "1",),
                    causes={"di1": Cause.CRC} if bad else {},
                    monotonic_ms=self.clock.monotonic_ms(),
                ),
            )


def values(block: Block) -> dict[str, Any]:
    return dict(zip(block.keys, block.values, strict=True))


def test_bookings_go_out_like_the_readings_of_any_device(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.show("00110011001100")

    async def scenario() -> None:
        await rig.counting.book(["rain"])
        rig.show("001100")
        await rig.counting.book(["rain"])

    run_virtual(rig.clock, scenario())
    first, second = rig.sent
    assert values(first) == {"amount": pytest.approx(0.6), "total": pytest.approx(0.6), "pulses": 3}
    assert values(second) == {"amount": 0.2, "total": 0.8, "pulses": 4}
    assert (first.causes, second.causes) == ({"amount": Cause.SUSPECT}, {})
    assert second.observed_at_ms == START_MS - 1_000_000 + rig.clock.monotonic_ms()


def test_a_source_that_is_away_gives_no_amount_and_a_stale_total(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    async def scenario() -> None:
        await rig.counting.book(["rain"])
        rig.show("0011")
        await rig.counting.book(["rain"])
        rig.show("????")
        await rig.counting.book(["rain"])

    run_virtual(rig.clock, scenario())
    never, _, away = rig.sent
    assert never.causes == dict.fromkeys(("amount", "total", "pulses"), Cause.TIMEOUT)
    assert values(away) == {"amount": None, "total": 0.2, "pulses": 1}
    assert away.causes == {"amount": Cause.TIMEOUT, "total": Cause.STALE, "pulses": Cause.STALE}


def test_counts_survive_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.show("00110011")
    run_virtual(rig.clock, run_for(5.0, rig.counting.run()))
    rig.counting = rig.started()
    rig.show("1100")

    async def scenario() -> None:
        await rig.counting.book(["rain"])

    run_virtual(rig.clock, scenario())
    assert values(rig.sent[-1]) == {"amount": 0.4, "total": 0.4, "pulses": 2}


def test_the_disk_is_written_once_an_interval_and_only_if_something_changed(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.show("0011")
    saved: list[dict[str, Count]] = []
    keep = rig.counting._file.save

    def save(counts: Mapping[str, Count]) -> None:
        saved.append(dict(counts))
        keep(counts)

    rig.counting._file.save = save  # type: ignore[method-assign] # a spy in the place of the disk
    run_virtual(rig.clock, run_for(610.0, rig.counting.run()))
    assert len(rig.sent) == 10
    assert saved == [{"rain": Count(pulses=1, booked=1, level=True)}]


def test_a_counter_that_is_no_longer_configured_keeps_its_total(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.file.write_text(
        json.dumps({"version": 1, "counters": {"old": {"pulses": 7, "booked": 7, "level": False}}}), "utf-8"
    )
    rig.counting = rig.started()
    rig.show("0011")
    run_virtual(rig.clock, run_for(1.0, rig.counting.run()))
    assert set(json.loads(rig.file.read_text("utf-8"))["counters"]) == {"old", "rain"}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"counters": 3}', '{"counters": {"rain": {"pulses": -1, "booked": 0, "level": true}}}', "null"],
)
def test_a_damaged_file_is_moved_aside(tmp_path: Path, content: str) -> None:
    (tmp_path / "counters.json").write_text(content, "utf-8")
    rig = Rig(tmp_path)
    assert (tmp_path / "counters.damaged").read_text("utf-8") == content
    rig.show("0011")
    assert rig.counting._counters["rain"].count.pulses == 1


def test_a_disk_that_refuses_stops_no_counting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    rig = Rig(tmp_path / "file")
    rig.show("0011")

    async def scenario() -> None:
        await rig.counting.book(["rain"])

    run_virtual(rig.clock, scenario())
    assert values(rig.sent[0])["pulses"] == 1


@pytest.mark.parametrize(("source", "message"), [("io/di9", "no point 'io/di9'"), ("io/level", "is a float, no input")])
def test_a_source_that_is_no_input_is_refused(tmp_path: Path, source: str, message: str) -> None:
    clock = VirtualClock()
    board, _ = memory_device(clock, [spec("di1", type="bool", table="discrete"), spec("level")], name="io")
    config = CONFIG.model_copy(update={"source": source})
    with pytest.raises(ValueError, match=message):
        PulseCounting(
            configs=(config,),
            fleet=Fleet(devices=(board,)),
            file=tmp_path / "counters.json",
            clock=clock,
            sink=lambda block, points: None,  # noqa: ARG005 - nothing is ever told
        )


AGENT = """\
gateway: gw-1
lines:
  - {id: bus, kind: serial, port: /dev/ttyS9}
devices:
  - {id: io, profile: waveshare-relay-d, line: bus}
counters:
  - {id: rain, source: io/di1, en: Rain, vi: Mưa, quantity_per_pulse: 0.2, unit: mm, shortest_pulse_s: 0.2}
"""


def test_counters_are_configured_and_described() -> None:
    config = load_text(AGENT, Path("agent.yaml"), AgentConfig)
    meta = meta_of(config, ())
    described = meta.devices["rain"]
    assert (described.device_class, described.interval_s) == ("counter", 60.0)
    assert {key: (point.kind, point.unit) for key, point in described.points.items()} == {
        "amount": ("float", "mm"),
        "total": ("float", "mm"),
        "pulses": ("int", ""),
    }
    assert all(point.en != point.vi for point in described.points.values())
