"""Points that are doubtful while another one lies past a limit: wet air makes optical dust suspect."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.agent import AgentConfig
from config.quality import Doubt
from contract.reading import Block, Cause, Value
from edge_agent.core.doubts import DoubtBoard
from edge_agent.core.upkeep import UpkeepBoard
from edge_agent.shell.quality import Refinement
from tests.unit.edge_agent.test_edge_check_quality import check
from tests.unit.edge_agent.virtual_agent import VirtualClock, memory_device, spec

WET = Doubt(points=("pm/pm2_5", "pm/pm10"), witness="met/humidity", above=70.0)


def block(device: str, at_ms: int, causes: dict[str, Cause] | None = None, **values: Value | None) -> Block:
    return Block(
        device=device,
        observed_at_ms=at_ms,
        keys=tuple(values),
        values=tuple(values.values()),
        causes=causes or {},
        monotonic_ms=at_ms,
    )


def dust_after(
    board: DoubtBoard, humidity: Value | None, cause: Cause = Cause.OK, at_ms: int = 2000
) -> dict[str, Cause]:
    board.mark(block("met", 1000, {} if cause is Cause.OK else {"humidity": cause}, humidity=humidity))
    return dict(board.mark(block("pm", at_ms, pm2_5=40.0, n1=3.0)).causes)


@pytest.mark.parametrize(
    ("humidity", "cause", "expected"),
    [
        (70.0, Cause.OK, {}),
        (70.1, Cause.OK, {"pm2_5": Cause.SUSPECT}),
        (50.0, Cause.SIMULATED, {}),
        (50.0, Cause.CLOCK, {}),
        # Whoever cannot be believed clears nobody.
        (50.0, Cause.FLAT, {"pm2_5": Cause.SUSPECT}),
        (50.0, Cause.MAINTENANCE, {"pm2_5": Cause.SUSPECT}),
        (None, Cause.TIMEOUT, {"pm2_5": Cause.SUSPECT}),
    ],
)
def test_dust_is_suspect_in_wet_air_and_without_a_witness(
    humidity: float | None, cause: Cause, expected: dict[str, Cause]
) -> None:
    assert dust_after(DoubtBoard([WET]), humidity, cause) == expected


def test_before_the_first_value_and_after_the_last_one_nothing_is_known() -> None:
    board = DoubtBoard([WET])
    assert board.mark(block("pm", 1, pm2_5=1.0)).causes == {"pm2_5": Cause.SUSPECT}
    assert dust_after(board, 50.0, at_ms=301_000) == {}
    assert dust_after(board, 50.0, at_ms=301_001) == {"pm2_5": Cause.SUSPECT}
    silent = DoubtBoard([WET.model_copy(update={"unknown": "good"})])
    assert silent.mark(block("pm", 1, pm2_5=1.0)).causes == {}
    assert dust_after(silent, 71.0) == {"pm2_5": Cause.SUSPECT}


def test_a_bad_value_stays_bad_and_a_worse_cause_stays() -> None:
    board = DoubtBoard([WET])
    board.mark(block("met", 1, humidity=90.0))
    causes = {"pm2_5": Cause.MAINTENANCE, "pm10": Cause.SENTINEL}
    marked = board.mark(block("pm", 2, causes, pm2_5=1.0, pm10=None))
    assert (marked.causes, marked.values) == (causes, (1.0, None))


def test_a_station_can_witness_against_its_own_dust_in_the_same_block() -> None:
    board = DoubtBoard([Doubt(points=("st/pm2_5",), witness="st/humidity", above=70, below=5)])
    for humidity, causes in ((80.0, {"pm2_5": Cause.SUSPECT}), (60.0, {}), (4.0, {"pm2_5": Cause.SUSPECT})):
        assert board.mark(block("st", 1, pm2_5=1.0, humidity=humidity)).causes == causes


def test_doubted_samples_are_in_no_average_and_the_value_stands() -> None:
    clock = VirtualClock()
    dust, _ = memory_device(clock, [spec("pm2_5", unit="µg/m³")], name="pm")
    air, _ = memory_device(clock, [spec("humidity", unit="%")], name="met")
    config = AgentConfig.model_validate(
        {
            "gateway": "gw",
            "lines": [{"id": "l", "kind": "tcp", "host": "h"}],
            "devices": [{"id": one, "profile": "p", "line": "l"} for one in ("pm", "met")],
            "doubts": [{"points": ["pm/pm2_5"], "witness": "met/humidity", "above": 70}],
        }
    )
    told: list[Block] = []
    refinement = Refinement(
        config=config,
        devices=[dust, air],
        upkeep=UpkeepBoard(),
        clock=clock,
        time_of=lambda monotonic_ms: monotonic_ms,
        sink=lambda one, _: told.append(one),
    )
    refinement.accept(air, block("met", 10, humidity=88.0))
    refinement.accept(dust, block("pm", 20, pm2_5=55.0))
    assert [(one.values, one.causes) for one in told] == [((88.0,), {}), ((55.0,), {"pm2_5": Cause.SUSPECT})]
    assert refinement.causes("pm") == {"pm2_5": "suspect"}
    # Who asks now is told the same, and nothing is stored of it.
    assert refinement.glance(dust, block("pm", 30, pm2_5=56.0)).causes == {"pm2_5": Cause.SUSPECT}
    assert len(told) == 2


AGENT = """\
gateway: gw-1
lines:
  - {id: dust, kind: serial, port: /dev/null}
  - {id: weather, kind: serial, port: /dev/zero, baud: 4800}
devices:
  - {id: pm, profile: plantower-pms5003, line: dust}
  - {id: met, profile: renke-rs-fsxcs, line: weather, points: [humidity, temperature, wind_speed]}
  - {id: slow, profile: renke-rs-fsxcs, line: weather, unit: 2, points: [humidity], intervals: {normal_s: 400}}
doubts:
  - {points: [pm/pm2_5, pm/pm10], witness: met/humidity, above: 70}
"""


def test_a_sound_rule_has_no_finding_and_dust_without_one_a_warning(tmp_path: Path) -> None:
    code, found = check(tmp_path, AGENT)
    assert (code, [line for line in found if "doubts" in line]) == (0, [])
    _, found = check(tmp_path, AGENT[: AGENT.index("doubts:")])
    assert [line.partition(" ")[0] for line in found if "hygrometer" in line] == ["6:5:"]


@pytest.mark.parametrize(
    ("before", "after", "where", "words"),
    [
        ("witness: met/humidity", "witness: met/humdity", "10:44", "no point 'met/humdity'"),
        ("witness: met/humidity", "witness: met2/humidity", "10:44", "no device 'met2'"),
        ("pm/pm10", "pm/pm100", "10:25", "no point 'pm/pm100'"),
        ("pm/pm10", "pm/pm2_5", "10:25", "twice"),
        ("pm/pm10", "met/humidity", "10:25", "against itself"),
        ("above: 70", "max_age_s: 60", "10:44", "above or below"),
        ("above: 70", "above: 70, below: 80", "10:76", "smaller than above"),
        ("witness: met/humidity", "witness: slow/humidity", "10:", "read every 400 s"),
        ("witness: met/humidity", "witness: pm/sensor", "10:44", "no point"),
    ],
)
def test_mistakes_in_a_rule_are_named_where_they_stand(
    tmp_path: Path, before: str, after: str, where: str, words: str
) -> None:
    code, found = check(tmp_path, AGENT.replace(before, after))
    assert code == 3
    assert [line for line in found if line.startswith(where) and words in line], found
