from __future__ import annotations

import itertools
import json

import pytest

from contract.batch import EARLIEST_MS, ClockState, DeviceColumns
from contract.reading import Cause, Quality
from edge_agent.core.clock_hold import ClockEvent, ClockHold, SavedClock, placed_offset_ms, shifted

WALL_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def _hold(*, require_sync: bool = True, saved: SavedClock | None = None) -> ClockHold:
    return ClockHold(require_sync=require_sync, boot_id="boot-b", saved=saved)


def _synced(hold: ClockHold, monotonic_ms: int, step_ms: int = 0) -> ClockEvent | None:
    return hold.observe(wall_ms=WALL_MS + monotonic_ms + step_ms, monotonic_ms=monotonic_ms, synchronised=True)


def test_without_synchronisation_there_is_no_time() -> None:
    hold = _hold()
    assert hold.observe(wall_ms=WALL_MS, monotonic_ms=0, synchronised=False) is None
    assert (hold.state, hold.stamp("cab-1", 10)) == (ClockState.WAITING, None)
    assert _synced(hold, 20) is ClockEvent.FOUND
    assert (hold.state, hold.offset_ms) == (ClockState.SYNCED, WALL_MS)
    assert hold.stamp("cab-1", 10) == WALL_MS + 10


def test_without_require_sync_the_clock_is_taken_and_flagged() -> None:
    hold = _hold(require_sync=False)
    assert hold.observe(wall_ms=WALL_MS, monotonic_ms=0, synchronised=False) is ClockEvent.FOUND
    assert hold.state is ClockState.ASSUMED


@pytest.mark.parametrize("require_sync", [True, False])
def test_1970_and_the_far_future_are_never_believed(require_sync: bool) -> None:
    hold = _hold(require_sync=require_sync)
    for wall_ms in (0, 86_400_000, EARLIEST_MS - HOUR_MS, 5_000_000_000_000):
        for second in range(200):
            hold.observe(wall_ms=wall_ms + 1000 * second, monotonic_ms=1000 * second, synchronised=True)
        assert hold.stamp("cab-1", 0) is None


def test_times_rise_strictly_whatever_the_readings_say() -> None:
    hold = _hold()
    _synced(hold, 0)
    times = [hold.stamp("cab-1", monotonic_ms) for monotonic_ms in (5, 5, 4, 6, 7)]
    assert times == sorted({time for time in times if time is not None})
    assert hold.stamp("cab-2", 5) == WALL_MS + 5


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS, -30 * 24 * HOUR_MS, 10 * 365 * 24 * HOUR_MS])
def test_a_step_that_does_not_last_changes_no_time(step_ms: int) -> None:
    hold = _hold()
    events, wrong = [], 0
    for second in range(300):
        stepped = 100 <= second < 150
        event = _synced(hold, second * 1000, step_ms if stepped else 0)
        events += [event] if event else []
        wrong += hold.stamp("cab-1", second * 1000) != WALL_MS + second * 1000
    assert wrong == 0
    assert events[:2] == [ClockEvent.FOUND, ClockEvent.STEP_SEEN]
    assert ClockEvent.STEP_TAKEN not in events


def test_a_step_while_synchronisation_is_lost_is_ignored_however_long_it_lasts() -> None:
    hold = _hold()
    _synced(hold, 0)
    for second in range(1, 600):
        hold.observe(wall_ms=WALL_MS + 1000 * second + HOUR_MS, monotonic_ms=1000 * second, synchronised=False)
        assert hold.stamp("cab-1", 1000 * second) == WALL_MS + 1000 * second


def test_a_correction_forward_is_taken_after_a_minute() -> None:
    hold = _hold()
    _synced(hold, 0)
    events = [_synced(hold, second * 1000, HOUR_MS) for second in range(1, 63)]
    assert events.index(ClockEvent.STEP_TAKEN) == 60
    assert hold.stamp("cab-1", 63_000) == WALL_MS + HOUR_MS + 63_000


def test_a_correction_backward_slows_time_until_it_is_true_again() -> None:
    hold = _hold()
    _synced(hold, 0)
    times = []
    for second in range(1, 900):
        _synced(hold, second * 1000, -300_000)
        times.append(hold.stamp("cab-1", second * 1000) or 0)
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    assert times[-1] == WALL_MS + 899_000 - 300_000
    assert times[100] > WALL_MS


def test_a_clock_that_was_in_the_far_future_returns_at_once() -> None:
    hold = _hold()
    _synced(hold, 0, 10 * 365 * 24 * HOUR_MS)
    hold.stamp("cab-1", 0)
    for second in range(1, 63):
        _synced(hold, second * 1000)
    assert hold.stamp("cab-1", 63_000) == WALL_MS + 63_000
    assert hold.saved().highest_ms == WALL_MS + 63_000


def test_a_slewing_clock_is_followed() -> None:
    hold = _hold()
    for second in range(1000):
        assert _synced(hold, second * 1000, second * 10) in {None, ClockEvent.FOUND}
    assert hold.stamp("cab-1", 999_000) == WALL_MS + 999_000 + 9990


def test_the_offset_survives_a_restart_within_the_boot_only() -> None:
    first = _hold()
    _synced(first, 0)
    first.stamp("cab-1", 500)
    again = _hold(saved=first.saved())
    assert again.state is ClockState.SYNCED
    assert again.stamp("cab-1", 1000) == WALL_MS + 1000
    other = ClockHold(require_sync=True, boot_id="boot-c", saved=first.saved())
    assert other.state is ClockState.WAITING


def test_a_clock_before_the_last_known_time_must_last_a_minute() -> None:
    saved = SavedClock(boot_id="boot-a", offset_ms=0, highest_ms=WALL_MS + HOUR_MS)
    hold = _hold(saved=saved)
    events = [_synced(hold, second * 1000) for second in range(62)]
    assert events[0] is ClockEvent.IMPLAUSIBLE
    assert events.index(ClockEvent.FOUND) == 60


def test_columns_of_an_earlier_boot_are_placed_and_doubted() -> None:
    columns = {"cab-1": {"t0": 4000, "dt": [0, 500], "m": {"u1": [230.0, None], "u2": [None, 231.0]},
                         "q": {"u1": [[1, 1, "timeout"]]}}}  # fmt: skip
    offset_ms = placed_offset_ms(WALL_MS, 4500)
    placed = json.loads(json.dumps(shifted(columns, offset_ms, uncertain=True)))
    blocks = list(DeviceColumns.model_validate(placed["cab-1"]).blocks("cab-1"))
    readings = [reading for block in blocks for reading in block.readings()]
    assert [(one.point, one.observed_at_ms - WALL_MS, one.quality, one.cause) for one in readings] == [
        ("cab-1/u1", -1500, Quality.UNCERTAIN, Cause.CLOCK),
        ("cab-1/u1", -1000, Quality.BAD, Cause.TIMEOUT),
        ("cab-1/u2", -1000, Quality.UNCERTAIN, Cause.CLOCK),
    ]
