from __future__ import annotations

from contract.reading import Block, Cause, Value
from edge_agent.core.quality import Correction, DeviceJudge, PointJudge, marked, worse
from tests.unit.edge_agent.virtual_agent import spec

SECOND = 1000


def block(second: float, causes: dict[str, Cause] | None = None, **values: Value | None) -> Block:
    return Block(
        device="probe",
        observed_at_ms=round(second * SECOND),
        keys=tuple(values),
        values=tuple(values.values()),
        causes=causes or {},
        monotonic_ms=round(second * SECOND),
    )


def judge_of(*points: PointJudge | None, warm_up_s: float = 0, **named: PointJudge | None) -> DeviceJudge:
    assert not points
    return DeviceJudge({key: one for key, one in named.items() if one is not None}, round(warm_up_s * SECOND))


def causes_of(judge: DeviceJudge, blocks: list[Block], key: str = "ph") -> list[Cause]:
    return [judge.judge(one, one.observed_at_ms).causes.get(key, Cause.OK) for one in blocks]


def test_a_point_without_limits_has_no_judge_and_its_block_passes_untouched() -> None:
    assert PointJudge.of(spec("ph")) is None
    judge = judge_of(ph=PointJudge.of(spec("ph")))
    sample = block(1, ph=7.0)
    assert judge.judge(sample, 1000) is sample


def test_a_change_faster_than_possible_is_flagged_and_the_value_stands() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=0.1)))
    samples = [block(0, ph=7.0), block(5, ph=7.5), block(10, ph=9.0), block(15, ph=7.6)]
    judged = [judge.judge(one, 0) for one in samples]
    assert [one.causes for one in judged] == [{}, {}, {"ph": Cause.RATE}, {}]
    assert judged[2].values == (9.0,)


def test_after_a_real_step_values_are_good_once_the_step_was_possible() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=0.1)))
    causes = causes_of(judge, [block(0, ph=7.0), *(block(second, ph=9.0) for second in (5, 10, 15, 19, 20, 25))])
    assert causes == [Cause.OK, Cause.RATE, Cause.RATE, Cause.RATE, Cause.RATE, Cause.OK, Cause.OK]


def test_a_line_is_flat_after_its_time_and_good_with_the_next_change() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", flat_after_s=20)))
    samples = [block(second, ph=7.0) for second in range(0, 30, 5)] + [block(30, ph=7.01)]
    assert causes_of(judge, samples) == [Cause.OK] * 4 + [Cause.FLAT] * 2 + [Cause.OK]


def test_an_outage_between_equal_values_is_no_flat_line() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", flat_after_s=20)))
    lost = block(5, {"ph": Cause.TIMEOUT}, ph=None)
    samples = [block(0, ph=7.0), lost, block(600, ph=7.0), block(610, ph=7.0), block(620, ph=7.0)]
    assert causes_of(judge, samples) == [Cause.OK, Cause.TIMEOUT, Cause.OK, Cause.OK, Cause.FLAT]


def test_a_stuck_value_between_failed_polls_is_found_flat_all_the_same() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", flat_after_s=20)))
    samples = [
        block(second, {"ph": Cause.CRC}, ph=None) if second % 15 == 10 else block(second, ph=7.0)
        for second in range(0, 200, 5)
    ]
    causes = causes_of(judge, samples)
    assert Cause.FLAT in causes
    assert causes.index(Cause.FLAT) == 10


def test_a_device_that_was_found_warms_up_and_its_values_are_no_reference() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=0.01)), warm_up_s=30)
    judge.found(100 * SECOND)
    samples = [block(101, ph=0.0), block(120, ph=3.0), block(130, ph=7.0), block(135, ph=7.01), block(140, ph=9.0)]
    assert causes_of(judge, samples) == [Cause.WARM_UP, Cause.WARM_UP, Cause.OK, Cause.OK, Cause.RATE]


def test_warm_up_concerns_points_without_limits_too() -> None:
    judge = judge_of(warm_up_s=30)
    judge.found(0)
    assert judge.judge(block(29.9, t=1.0, on=True), 0).causes == {"t": Cause.WARM_UP, "on": Cause.WARM_UP}
    assert judge.judge(block(30, t=1.0, on=True), 0).causes == {}


def test_maintenance_marks_what_has_a_value_and_leaves_what_has_none() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=0.01)))
    sample = block(1, {"ph": Cause.SUSPECT, "t": Cause.SENTINEL, "x": Cause.CLOCK}, ph=7.0, t=None, x=1.0)
    judged = judge.judge(sample, 0, in_maintenance=True)
    assert judged.causes == {"ph": Cause.MAINTENANCE, "t": Cause.SENTINEL, "x": Cause.MAINTENANCE}
    assert judged.values == (7.0, None, 1.0)


def test_after_maintenance_nothing_is_measured_from_what_was_seen_in_it() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=0.01, flat_after_s=5)))
    judge.judge(block(0, ph=7.0), 0)
    judge.judge(block(5, ph=4.0), 0, in_maintenance=True)
    assert judge.judge(block(10, ph=7.3), 0).causes == {}
    assert judge.judge(block(12, ph=7.3), 0).causes == {}
    assert judge.judge(block(15, ph=7.3), 0).causes == {"ph": Cause.FLAT}


def test_what_the_driver_said_is_not_made_better() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=0.01)))
    judge.judge(block(0, ph=7.0), 0)
    assert judge.judge(block(1, {"ph": Cause.SUSPECT}, ph=9.0), 0).causes == {"ph": Cause.SUSPECT}
    assert judge.judge(block(2, {"ph": Cause.CLOCK}, ph=9.0), 0).causes == {"ph": Cause.RATE}


def test_a_calibrated_value_is_corrected_and_the_raw_one_kept() -> None:
    corrections = (Correction(from_ms=0, a=1.1, b=-0.5), Correction(from_ms=100 * SECOND, a=1.0, b=0.25))
    judge = judge_of(ph=PointJudge.of(spec("ph", low=0, high=14), corrections))
    judged = judge.judge(block(50, t=20.0, ph=7.0), 50 * SECOND)
    assert (judged.keys, judged.values) == (("t", "ph", "ph_raw"), (20.0, 7.2, 7.0))
    assert judge.judge(block(100, t=20.0, ph=7.0), 100 * SECOND).values == (20.0, 7.25, 7.0)
    assert judge.judge(block(100, t=20.0, ph=7.0), None).values == (20.0, 7.25, 7.0)


def test_past_its_end_a_calibration_still_corrects_and_nobody_believes_it() -> None:
    corrections = (
        Correction(from_ms=0, a=1.0, b=1.0, to_ms=60 * SECOND),
        Correction(from_ms=100 * SECOND, a=1.0, b=2.0),
    )
    judge = judge_of(ph=PointJudge.of(spec("ph", max_rate=5.0), corrections))
    told = [judge.judge(block(at, ph=7.0), at * SECOND) for at in (59, 60, 99, 100)]
    assert [one.values for one in told] == [(8.0, 7.0), (8.0, 7.0), (8.0, 7.0), (9.0, 7.0)]
    assert [one.causes for one in told] == [{}, {"ph": Cause.SUSPECT}, {"ph": Cause.SUSPECT}, {}]
    # While the time is not known nobody can say; a worse cause stays.
    assert judge.judge(block(101, ph=7.0), None).causes == {}
    assert judge.judge(block(102, {"ph": Cause.SENTINEL}, ph=None), 70 * SECOND).causes == {
        "ph": Cause.SENTINEL,
        "ph_raw": Cause.SENTINEL,
    }


def test_before_the_first_calibration_the_value_is_the_raw_one() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph"), (Correction(from_ms=100 * SECOND, a=2.0, b=0.0),)))
    assert judge.judge(block(99, ph=7.0), 99 * SECOND).values == (7.0, 7.0)


def test_limits_hold_for_the_corrected_value() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph", low=0, high=14), (Correction(from_ms=0, a=1.0, b=1.0),)))
    judged = judge.judge(block(1, ph=13.5), 1000)
    assert (judged.values, judged.causes) == ((None, 13.5), {"ph": Cause.RANGE})
    judged = judge.judge(block(2, ph=-0.5), 2000)
    assert (judged.values, judged.causes) == ((0.5, -0.5), {})


def test_a_whole_number_stays_whole_when_it_is_calibrated() -> None:
    point = spec("co2", type="uint16", unit="ppm")
    judge = judge_of(co2=PointJudge.of(point, (Correction(from_ms=0, a=1.02, b=3.0),)))
    value, raw = judge.judge(block(1, co2=636), 1000).values
    assert (value, raw, type(value)) == (652, 636, int)


def test_raw_and_corrected_value_share_what_the_driver_and_the_technician_said() -> None:
    judge = judge_of(ph=PointJudge.of(spec("ph"), (Correction(from_ms=0, a=1.0, b=1.0),)))
    lost = judge.judge(block(1, {"ph": Cause.CRC}, ph=None), 1000)
    assert (lost.values, lost.causes) == ((None, None), {"ph": Cause.CRC, "ph_raw": Cause.CRC})
    worked = judge.judge(block(2, ph=7.0), 2000, in_maintenance=True)
    assert worked.causes == {"ph": Cause.MAINTENANCE, "ph_raw": Cause.MAINTENANCE}


def test_the_worse_of_two_causes() -> None:
    assert worse(Cause.OK, Cause.CLOCK) is Cause.CLOCK
    assert worse(Cause.FLAT, Cause.RATE) is Cause.FLAT
    assert worse(Cause.MAINTENANCE, Cause.RATE) is Cause.MAINTENANCE
    assert worse(Cause.MAINTENANCE, Cause.RANGE) is Cause.RANGE
    assert worse(Cause.TIMEOUT, Cause.MAINTENANCE) is Cause.TIMEOUT


def test_marking_leaves_order_and_values() -> None:
    sample = block(1, {"b": Cause.CRC}, a=1.0, b=None)
    assert marked(sample, Cause.MAINTENANCE).causes == {"a": Cause.MAINTENANCE, "b": Cause.CRC}
    assert marked(sample, Cause.MAINTENANCE).values == sample.values
