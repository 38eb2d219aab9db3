"""Which cabinets an operator means: by name, street, ward, feeder or tag."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from config.city import Cabinet, City

Kind = Literal["cabinet", "street", "ward", "feeder", "tag"]
MAX_NAMES: Final = 2_000
NEAREST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What was asked for: of each kind one of the names must fit, and every kind that is given must.

    Attributes:
        everything: All cabinets of the city; stands alone.
        circuits: Only these circuits of each cabinet; all of them if none is named.
    """

    cabinets: tuple[str, ...] = ()
    streets: tuple[str, ...] = ()
    wards: tuple[str, ...] = ()
    feeders: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    everything: bool = False
    circuits: tuple[str, ...] = ()

    def named(self) -> dict[Kind, tuple[str, ...]]:
        """Return the kinds that are given, and their names."""
        kinds: dict[Kind, tuple[str, ...]] = {
            "cabinet": self.cabinets,
            "street": self.streets,
            "ward": self.wards,
            "feeder": self.feeders,
            "tag": self.tags,
        }
        return {kind: names for kind, names in kinds.items() if names}


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name that nothing in the inventory has, and those that look like it."""

    kind: Kind
    name: str
    nearest: tuple[str, ...]


class UnknownNamesError(ValueError):
    """Some names are of nothing in the inventory."""

    def __init__(self, unknown: Iterable[UnknownName]) -> None:
        self.unknown = tuple(unknown)
        super().__init__(", ".join(f"{finding.kind} {finding.name}" for finding in self.unknown))


def plain(name: str) -> str:
    """Return a name without case, accents and doubled spaces: on a phone's keyboard nobody writes them all."""
    decomposed = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return " ".join(bare.casefold().split())


def select(city: City, criteria: Criteria) -> tuple[Cabinet, ...]:
    """Return the cabinets that fit, in the order of the inventory.

    Raises:
        UnknownNamesError: A name is of nothing; it carries the nearest ones.
        ValueError: Nothing is asked for, or everything and something.
    """
    named = criteria.named()
    if criteria.everything == bool(named):
        raise ValueError("either everything, or at least one name")
    if sum(len(names) for names in named.values()) > MAX_NAMES:
        raise ValueError(f"more than {MAX_NAMES} names")
    names_of = _names_of(city)
    unknown: list[UnknownName] = []
    wanted: dict[Kind, frozenset[str]] = {}
    for kind, names in named.items():
        there = {plain(name): name for cabinet in city.cabinets for name in names_of[kind](cabinet)}
        wanted[kind] = frozenset(plain(name) for name in names)
        unknown += (
            UnknownName(kind, name, _nearest(plain(name), there))
            for name in dict.fromkeys(names)
            if plain(name) not in there
        )
    if unknown:
        raise UnknownNamesError(unknown)
    return tuple(
        cabinet
        for cabinet in city.cabinets
        if all(any(plain(name) in fitting for name in names_of[kind](cabinet)) for kind, fitting in wanted.items())
    )


def _names_of(city: City) -> Mapping[Kind, Callable[[Cabinet], tuple[str, ...]]]:
    wards = {ward.id: ward.name for ward in city.wards}
    feeders = {feeder.id: feeder.name for feeder in city.feeders}
    return {
        "cabinet": lambda cabinet: (cabinet.id, cabinet.name),
        "street": lambda cabinet: (cabinet.street,),
        "ward": lambda cabinet: (cabinet.ward, wards.get(cabinet.ward, cabinet.ward)),
        "feeder": lambda cabinet: (
            (cabinet.feeder, feeders.get(cabinet.feeder, cabinet.feeder)) if cabinet.feeder else ()
        ),
        "tag": lambda cabinet: cabinet.tags,
    }


def _nearest(name: str, there: Mapping[str, str]) -> tuple[str, ...]:
    close = difflib.get_close_matches(name, there, n=NEAREST, cutoff=0.5)
    if not close and name:
        close = sorted(known for known in there if name in known or known in name)[:NEAREST]
    return tuple(there[known] for known in close)
