"""What every meter calls by one name is one thing: rules, queries and stores rely on it."""

from __future__ import annotations

from config.points import PointSpec
from config.profile import ModbusProfile, load_profile, shipped_profiles

METERS = {
    name: profile
    for name in shipped_profiles()
    if isinstance(profile := load_profile(name), ModbusProfile) and profile.device_class == "meter"
}
COMMON = {
    **{f"u{n}": "V" for n in (1, 2, 3)},
    **{f"i{n}": "A" for n in (1, 2, 3)},
    **{f"p{n}": "W" for n in (1, 2, 3)},
    "p_total": "W",
    "frequency": "Hz",
    "energy_import": "Wh",
    "energy_export": "Wh",
}
TOTALS_ONLY = {"eastron-sdm72"}


def test_every_meter_has_what_lighting_needs() -> None:
    for name, profile in METERS.items():
        units = {point.key: point.unit for point in profile.points}
        wanted = {"p_total", "energy_import", "energy_export"} if name in TOTALS_ONLY else set(COMMON)
        assert {key: units.get(key) for key in wanted} == {key: COMMON[key] for key in wanted}, name


def test_one_key_has_one_meaning_over_all_meters() -> None:
    first: dict[str, PointSpec] = {}
    for name, profile in METERS.items():
        for point in profile.points:
            known = first.setdefault(point.key, point)
            # A store has one kind of number for each field of a class.
            assert (point.unit, point.kind, point.en, point.vi) == (known.unit, known.kind, known.en, known.vi), name


def test_phase_voltages_are_urgent_at_the_limits_of_the_alarms() -> None:
    for name, profile in METERS.items():
        for point in profile.points:
            if point.key in {"u1", "u2", "u3"}:
                assert (point.poll, point.urgent, point.urgent_levels) == ("fast", True, (115, 161, 195.5, 253)), name
