"""What is left of a batch in which some devices are not what the contract promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from contract.batch import MAX_DEVICES_PER_BATCH, Batch, DeviceColumns, Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Broken:
    """One device of a batch that cannot be read; `columns` is the JSON as it came."""

    reason: str
    columns: Any


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A batch without its broken devices, and those by name."""

    batch: Batch
    broken: dict[str, Broken]


def salvage(payload: bytes) -> Salvaged | None:
    """Return what can be read of a batch that was refused as a whole; None if it is no batch at all.

    Unconfirmed, such a batch would come again for ever and hold up all other devices' readings in it.

    Args:
        payload: Bounded in size and depth by `contract.codec.decode`, which called it invalid.
    """
    data = orjson.loads(payload)
    devices = data.get("d") if isinstance(data, dict) else None
    if not isinstance(devices, dict) or len(devices) > MAX_DEVICES_PER_BATCH:
        return None
    broken: dict[str, Broken] = {}
    for name, columns in devices.items():
        try:
            _NAME.validate_python(name)
            DeviceColumns.model_validate(columns)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            broken[name] = Broken(f"{where}: {first['msg']}"[:256], columns)
    readable = {name: columns for name, columns in devices.items() if name not in broken}
    try:
        return Salvaged(Batch.model_validate(data | {"d": readable}), broken) if broken else None
    except ValidationError:
        return None
