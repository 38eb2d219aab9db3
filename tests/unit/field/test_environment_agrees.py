"""What instruments of one class call by one name is one thing, and every measured value has bounds."""

from __future__ import annotations

from config.points import PointSpec
from config.profile import load_profile, shipped_profiles

CLASSES = ("water", "air", "level", "waste", "soil", "charger")
UNITS = {
    "", "%", "°", "°C", "A", "V", "W", "Wh", "ms", "s", "mV", "m", "mm", "m/s", "m³", "m³/h", "mg/L", "µg/L", "µg/m³",
    "NTU", "mS/cm", "µS/cm", "hPa", "dB", "lx", "W/m²", "ppm", "ppb", "1/cm³", "µm", "mm/h",
}  # fmt: skip
WITHOUT_BOUNDS = {"endress-hauser-liquiline-cm44x"}
"""What its inputs mean is set at the transmitter."""
PROFILES = {
    name: profile
    for name in shipped_profiles()
    if (profile := load_profile(name)).device_class in CLASSES and name not in WITHOUT_BOUNDS
}


def test_there_are_environment_profiles() -> None:
    assert len(PROFILES) >= 12


def test_every_measured_value_has_bounds_and_a_known_unit() -> None:
    for name, profile in PROFILES.items():
        for point in profile.specs:
            assert point.unit in UNITS, (name, point.key, point.unit)
            if point.kind == "float":
                assert point.low is not None, (name, point.key)
                grows = "energy" in point.key or "volume" in point.key
                assert grows or point.high is not None, (name, point.key)


def test_one_key_has_one_meaning_in_its_class() -> None:
    first: dict[tuple[str, str], PointSpec] = {}
    for name, profile in PROFILES.items():
        for point in profile.specs:
            known = first.setdefault((profile.device_class, point.key), point)
            # A store has one kind of number for each field of a class.
            assert (point.unit, point.kind) == (known.unit, known.kind), (name, point.key)
