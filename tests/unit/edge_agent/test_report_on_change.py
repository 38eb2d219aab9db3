from __future__ import annotations

from contract.reading import Block, Cause, Value
from edge_agent.core.report_on_change import ReportOnChange
from tests.unit.edge_agent.virtual_agent import spec


def block(second: float, causes: dict[str, Cause] | None = None, **values: Value | None) -> Block:
    return Block(
        device="probe",
        observed_at_ms=round(second * 1000),
        keys=tuple(values),
        values=tuple(values.values()),
        causes=causes or {},
        monotonic_ms=round(second * 1000) + 1,
    )


def test_without_a_silence_nothing_is_held_back() -> None:
    specs = {"t": spec("t", deadband=0.5)}
    assert ReportOnChange.is_wanted(specs) is False
    sample = block(1, t=20.0)
    assert ReportOnChange(specs).pick(sample) == [sample]


def test_a_value_within_the_deadband_waits_for_its_silence() -> None:
    on_change = ReportOnChange({"t": spec("t", deadband=0.5, max_silence_s=60)})
    told = [second for second in range(0, 130, 10) if on_change.pick(block(second, t=20.0 + 0.5 * (second % 20 > 0)))]
    assert told == [0, 60, 120]
    assert on_change.suppressed == 10


def test_a_slow_drift_is_told_once_it_leaves_the_deadband() -> None:
    on_change = ReportOnChange({"t": spec("t", deadband=0.5, max_silence_s=3600)})
    values = [20.0 + 0.2 * step for step in range(8)]
    told = [value for step, value in enumerate(values) if on_change.pick(block(step, t=value))]
    assert told == [values[0], values[3], values[6]]


def test_a_cause_that_comes_or_goes_is_told_at_once() -> None:
    on_change = ReportOnChange({"t": spec("t", deadband=0.5, max_silence_s=3600)})
    samples = [
        block(0, t=20.0),
        block(1, t=20.0),
        block(2, {"t": Cause.CRC}, t=None),
        block(3, {"t": Cause.CRC}, t=None),
        block(4, {"t": Cause.TIMEOUT}, t=None),
        block(5, t=20.0),
        block(6, {"t": Cause.FLAT}, t=20.0),
    ]
    assert [len(on_change.pick(sample)) for sample in samples] == [1, 0, 1, 0, 1, 1, 1]


def test_other_points_of_the_block_go_on() -> None:
    on_change = ReportOnChange({"t": spec("t", max_silence_s=60), "u": spec("u")})
    (first,) = on_change.pick(block(0, t=20.0, u=1.0))
    (second,) = on_change.pick(block(1, t=20.0, u=1.0))
    assert (first.keys, second.keys, second.values) == (("t", "u"), ("u",), (1.0,))


def test_urgent_points_keep_one_block_whatever_changes_beside_them() -> None:
    specs = {
        "t": spec("t", max_silence_s=60),
        "door": spec("door", table="discrete", type="bool", urgent=True, max_silence_s=60),
    }
    on_change = ReportOnChange(specs)
    told = [[one.keys for one in on_change.pick(block(second, t=20.0, door=True))] for second in range(3)]
    assert told == [[("door",), ("t",)], [("door",)], [("door",)]]


def test_a_raw_value_is_told_with_the_calibrated_one_and_never_without_it() -> None:
    on_change = ReportOnChange({"t": spec("t", deadband=0.5, max_silence_s=60), "u": spec("u")})
    told = [
        [one.keys for one in on_change.pick(block(second, t=value, u=1.0, t_raw=value * 2))]
        for second, value in enumerate((20.0, 20.1, 21.0))
    ]
    assert told == [[("t", "u", "t_raw")], [("u",)], [("t", "u", "t_raw")]]
    alone = ReportOnChange({"t": spec("t", max_silence_s=60)})
    assert [len(alone.pick(block(second, t=1.0, t_raw=2.0))) for second in range(3)] == [1, 0, 0]
    own = ReportOnChange({"t": spec("t", max_silence_s=60), "t_raw": spec("t_raw")})
    assert [one.keys for second in range(2) for one in own.pick(block(second, t=1.0, t_raw=2.0))][1] == ("t_raw",)


def test_states_and_texts_are_told_when_they_differ() -> None:
    specs = {
        "on": spec("on", table="discrete", type="bool", deadband=5.0, max_silence_s=60),
        "mode": spec("mode", type="string", registers=4, max_silence_s=60),
    }
    on_change = ReportOnChange(specs)
    on_change.pick(block(0, on=False, mode="auto"))
    (changed,) = on_change.pick(block(1, on=True, mode="auto"))
    assert changed.keys == ("on",)
    (changed,) = on_change.pick(block(2, on=True, mode="hand"))
    assert changed.keys == ("mode",)
