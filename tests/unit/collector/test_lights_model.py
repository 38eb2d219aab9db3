"""The base of a group over years: it follows ageing, never a dead lamp, and knows how well it knows the exponent."""

from __future__ import annotations

import math
import random

import pytest

from collector.core.lights_model import Exponent, GroupModel

LAMP = 1 / 71
NIGHT_CELLS = 40


def night(level: float, k: float, x: float, chooser: random.Random) -> list[tuple[float, float]]:
    """Return cells of one night with voltage noise and drift, and 0.05 % noise of power."""
    cells = []
    for number in range(NIGHT_CELLS):
        true_x = x + 0.01 * math.sin(number / 7)
        cells.append((true_x, level + k * true_x + chooser.gauss(0, 0.0005)))
    return cells


def learned(k: float = 1.6, prior: float = 1.8) -> tuple[GroupModel, random.Random]:
    model, chooser = GroupModel(Exponent(prior)), random.Random(1)
    for number in range(7):
        model.close_night(f"{number}", "A", night(9.0, k, 0.02 * math.sin(number), chooser), LAMP)
    return model, chooser


def test_seven_nights_settle_a_base_and_six_do_not() -> None:
    model, chooser = GroupModel(Exponent(1.8)), random.Random(1)
    for number in range(6):
        model.close_night(f"{number}", "A", night(9.0, 1.6, 0.0, chooser), LAMP)
        assert model.expected("A", 0.0) is None
    model.close_night("6", "A", night(9.0, 1.6, 0.0, chooser), LAMP)
    known = model.expected("A", 0.0)
    assert known is not None
    assert known.y == pytest.approx(9.0, abs=0.001)
    assert model.expected("A,B", 0.0) is None


def test_it_is_less_sure_the_farther_the_voltage_is_from_where_it_learned() -> None:
    model, _ = learned()
    near, far = model.expected("A", 0.0), model.expected("A", 0.1)
    assert near is not None
    assert far is not None
    assert far.sd > 2 * near.sd
    assert far.y - near.y == pytest.approx(0.16, abs=3 * far.sd)


def test_three_years_of_ageing_are_followed_and_hide_no_lamp() -> None:
    model, chooser = learned()
    worst = 0.0
    for number in range(3 * 365):
        aged = math.log(1 - 0.03 * number / 365)
        cells = night(9.0 + aged, 1.6, 0.05 * math.sin(number / 40), chooser)
        residual = cells[20][1] - model.expected("A", cells[20][0]).y  # type: ignore[union-attr] # settled above
        worst = max(worst, abs(residual) / LAMP)
        model.age(residual, LAMP)
    assert worst < 0.7
    assert model.ageing == pytest.approx(math.log(1 - 0.09), abs=0.01)


def test_a_lamp_that_is_out_for_a_year_is_not_taken_for_ageing() -> None:
    model, _ = learned()
    for _ in range(365):
        model.age(-1.0 * LAMP, LAMP)
    assert model.ageing == 0.0


def test_a_step_below_half_a_lamp_is_followed_no_faster_than_ageing() -> None:
    model, _ = learned()
    model.age(-0.4 * LAMP, LAMP)
    assert -0.0002 < model.ageing < 0


def test_a_base_never_changes_by_itself_once_it_stands() -> None:
    model, chooser = learned()
    before = model.expected("A", 0.0)
    for number in range(30):
        model.close_night(f"later {number}", "A", night(8.5, 1.6, 0.0, chooser), LAMP)
    after = model.expected("A", 0.0)
    assert before is not None
    assert after is not None
    assert after.y == pytest.approx(before.y, abs=0.002)


def test_a_voltmeter_s_noise_alone_teaches_no_exponent() -> None:
    model, chooser = GroupModel(Exponent(1.8)), random.Random(2)
    for number in range(40):
        cells = [(chooser.gauss(0, 0.002), 9.0 + chooser.gauss(0, 0.0005)) for _ in range(NIGHT_CELLS)]
        model.close_night(f"{number}", "A", cells, LAMP)
    assert abs(model.exponent.value - 1.8) < 3 * model.exponent.sd


def test_a_guess_that_is_far_off_is_outvoted_within_a_week() -> None:
    model, _ = learned(k=0.0, prior=1.8)
    assert abs(model.exponent.value) < 0.1
    model, _ = learned(k=2.4, prior=1.8)
    assert model.exponent.value == pytest.approx(2.4, abs=0.1)
