"""Every transport, every fault: no wrong value, each fault its cause. `python -m bench.faulty_field` counts more."""

from __future__ import annotations

import pytest

from tests.unit.field.counted_faults import TRANSPORTS, Case, all_cases, count

READS = 200


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_no_value_is_wrong_and_each_fault_has_its_cause(case: Case) -> None:
    result = count(case, READS)
    assert result.wrong == 0, result.outcomes
    assert result.misnamed == {}
    # The fault was there, and so was the device between the faults.
    assert result.faults > READS // 5
    assert result.outcomes["right"] > READS // 5
    if "right" not in case.causes:
        assert sum(result.outcomes[str(cause)] for cause in case.causes) > READS // 20


def test_every_transport_meets_every_fault_of_the_list() -> None:
    wanted = {"silent", "late", "crc", "wrong_unit", "wrong_function", "short", "busy", "stuck", "babble", "exception"}
    for transport in TRANSPORTS:
        assert wanted <= {case.fault for case in all_cases() if case.transport == transport}
    assert Case("tcp", "wrong_transaction") in all_cases()
    assert {case.code for case in all_cases() if case.fault == "exception"} == set(range(1, 12))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_late_answers_did_arrive_and_were_thrown_away(transport: str) -> None:
    result = count(next(case for case in all_cases() if case.transport == transport and case.fault == "late"), READS)
    # A Modbus TCP device answers on the connection that asked, and that one is closed.
    assert (result.counters.late_bytes > 0) is (transport != "tcp")
    assert result.counters.timeouts == result.faults


@pytest.mark.parametrize("transport", ["rtu", "ascii", "rtu over tcp"])
def test_without_its_quiet_pause_a_bus_would_give_wrong_values(transport: str) -> None:
    case = next(case for case in all_cases() if case.transport == transport and case.fault == "late")
    assert count(case, READS, quiet_s=0.0).wrong > 0
