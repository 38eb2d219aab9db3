"""Whether what a gateway says of itself fits into one message: past the limit the centre refuses all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from config.agent import AgentConfig
from config.language import Texts
from contract.codec import encode
from contract.state import MAX_META_BYTES
from edge_agent.cli.checking_field import Tell

FEW_POINTS: Final = 2_000
"""Names, units and keys have bounds: so few points always fit."""
_EPOCH: Final = "0" * 32
TEXTS: Final = Texts(
    {
        "description_too_large": (
            "descriptions take {bytes} bytes, at most {limit}: {fits} of {count} devices fit; use a second gateway",
            "mô tả cần {bytes} byte, tối đa {limit}: vừa {fits} trong {count} thiết bị; dùng thêm một gateway",
        ),
    }
)


def check_description(config: AgentConfig, file: Path, points: int, tell: Tell) -> None:
    """Find the first device that no longer fits.

    Args:
        config: A configuration without errors.
        file: Its file.
        points: How many points its devices have.
        tell: Takes the finding.
    """
    if points <= FEW_POINTS:
        return
    from edge_agent.shell.built_in import meta_of
    from edge_agent.shell.clock import SystemClock
    from edge_agent.shell.devices import build_fleet
    from edge_agent.shell.quality import DeviceStages

    fleet = build_fleet(config, file.absolute().parent, SystemClock(), writable=False)
    made = {device.id: DeviceStages(device).made for device in fleet.devices}
    meta = meta_of(config, fleet.devices, made).model_copy(update={"epoch": _EPOCH})
    size = len(encode(meta))
    if size <= MAX_META_BYTES:
        return
    # Built-in devices and counters are described after these, and must fit as well.
    rest = len(encode(meta.model_copy(update={"devices": {}})))
    bytes_of = {
        name: len(encode(meta.model_copy(update={"devices": {name: one}}))) - rest for name, one in meta.devices.items()
    }
    room = MAX_META_BYTES - rest - sum(size for name, size in bytes_of.items() if fleet.find(name) is None)
    fits = 0
    for device in fleet.devices:
        room -= bytes_of[device.id] + 1
        if room < 0:
            break
        fits += 1
    facts = {"bytes": size, "limit": MAX_META_BYTES, "fits": fits, "count": len(config.devices)}
    tell("error", ("devices", min(fits, len(config.devices) - 1)), TEXTS.text("description_too_large", **facts))
