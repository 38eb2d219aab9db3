"""Names of wards and streets, from the file beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import yaml

INNER_WARDS: Final = 14


@dataclass(frozen=True, slots=True)
class Names:
    """Wards as (id, name), the inner ones first; streets."""

    wards: tuple[tuple[str, str], ...]
    streets: tuple[str, ...]

    def street(self, index: int) -> str:
        """Return the name of a street; past the list its streets get sections."""
        section, place = divmod(index, len(self.streets))
        return self.streets[place] if section == 0 else f"{self.streets[place]} (đoạn {section + 1})"


def names() -> Names:
    """Return the names that the software ships."""
    document = yaml.safe_load((files("firmware_sim") / "city" / "names.yaml").read_text(encoding="utf-8"))
    wards = tuple((ward["id"], ward["name"]) for ward in document["wards"])
    return Names(wards, tuple(document["streets"]))
