"""The page of all device types that are shipped, as Markdown, from the profiles themselves."""

from __future__ import annotations

from config.points import PointSpec
from config.profile import InstrumentProfile, ModbusProfile, load_profile, shipped_profiles

_HEAD = """# Devices

Written from `config/profiles/` by `python -m config`; a test compares it. Each profile is read in the tests from a
simulated instrument that shares neither register map nor codec with it, and refuses the wrong variants that are known.

*Recorded*: its frames were captured from a device; *composed*: from the manual. *Verified by*: the manual itself, code
of others who run the device, or secondary sources. No device of ours has been read yet: compare a first reading with
the display (`edge-agent read DEVICE`). Hồ sơ nào cũng cần so
với số hiển thị trên máy ở lần đọc đầu tiên.
"""
_CLASSES = {
    "meter": "Power meters",
    "relay": "Relays and inputs",
    "analog": "Analogue inputs",
    "lamp": "Lamps",
    "charger": "Solar chargers",
    "water": "Water",
    "air": "Air and weather",
    "level": "Levels",
    "waste": "Waste bins",
    "soil": "Soil",
}
MAX_NAMED = 8


def devices_page() -> str:
    """Return the whole page: one table for each class of devices."""
    rows: dict[str, list[str]] = {}
    for name in shipped_profiles():
        profile = load_profile(name)
        rows.setdefault(profile.device_class, []).append(_row(profile))
    known = [device_class for device_class in _CLASSES if device_class in rows]
    others = sorted(set(rows) - set(known))
    parts = [_HEAD]
    for device_class in (*known, *others):
        parts.append(f"\n## {_CLASSES.get(device_class, device_class)}\n\n")
        parts.append("| profile | device | speaks | measures | source |\n|---|---|---|---|---|\n")
        parts += rows[device_class]
    return "".join(parts)


def _row(profile: ModbusProfile | InstrumentProfile) -> str:
    source = profile.source
    cells = (
        f"`{profile.profile}`",
        f"{profile.en} / {profile.vi}",
        "Modbus" if isinstance(profile, ModbusProfile) else profile.protocol,
        _named(list(profile.specs)),
        f"{source.origin}, verified by {source.verified_by}",
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _named(points: list[PointSpec]) -> str:
    """Return what a device measures, its first points by key."""
    keys = [f"{point.key} ({point.unit})" if point.unit else point.key for point in points]
    more = len(keys) - MAX_NAMED
    return ", ".join(keys[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
