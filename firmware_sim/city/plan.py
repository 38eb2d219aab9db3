"""The plan of a city: who stands where, on which feeder, with how many lamps. The same seed makes the same city."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypedDict

from firmware_sim.city.names import INNER_WARDS, Names

LATITUDE: Final = 13.983
LONGITUDE: Final = 108.0
TIMEZONE: Final = "Asia/Ho_Chi_Minh"

# What the first city has: 261 lighting cabinets over 207 streets with 7,690 high-pressure lamps, 2,776 alley lamps,
# 25 traffic signals, 40 warning posts of which 28 on the sun.
CABINETS: Final = 261
STREETS: Final = 207
LAMPS: Final = 7690
ALLEY_LAMPS: Final = 2776
SIGNALS: Final = 25
WARNINGS: Final = 40
SOLAR_SHARE: Final = 28 / 40

# Assumed, for want of anything told: how many hang on one alley cabinet, one feeder, one transformer.
ALLEY_CABINET_LAMPS: Final = 24
FEEDER_CABINETS: Final = 12
TRANSFORMER_CABINETS: Final = 3
CREWS: Final = 3
REPORTING_EVERY: Final = 30
"""Of so many alley cabinets one has lamps that report."""
LEAST_LAMPS: Final = 6
_WHOLE_SHARE: Final = 0.2
"""Of the lighting cabinets: one contactor of three poles instead of three contactors."""
_LAMP_POWERS: Final = ((115, 0.10), (170, 0.55), (280, 0.30), (430, 0.05))
"""Watts with ballast of sodium lamps of 100, 150, 250 and 400 W, and their share."""
_METRES_A_DEGREE: Final = 111_320.0

PostClass = Literal["lighting", "alley", "traffic_signal", "warning_ac", "warning_solar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How many of each there shall be."""

    cabinets: int
    alley_lamps: int
    signals: int
    warnings: int

    @property
    def lamps(self) -> int:
        """High-pressure lamps."""
        return max(LEAST_LAMPS * self.cabinets, round(LAMPS * self.cabinets / CABINETS))

    @property
    def streets(self) -> int:
        """Streets with lighting cabinets."""
        return max(1, round(STREETS * self.cabinets / CABINETS))

    @property
    def alley_cabinets(self) -> int:
        """Small cabinets of alleys."""
        return math.ceil(self.alley_lamps / ALLEY_CABINET_LAMPS)

    @property
    def solar_posts(self) -> int:
        """Warning posts on the sun."""
        return round(SOLAR_SHARE * self.warnings)

    @property
    def gateways(self) -> int:
        """All cabinets and posts, each with a gateway."""
        return self.cabinets + self.alley_cabinets + self.signals + self.warnings


def numbers_for(
    cabinets: int, alley_lamps: int | None = None, signals: int | None = None, warnings: int | None = None
) -> Numbers:
    """Return what a city of so many lighting cabinets has; what is not told is in proportion to the first city."""

    def scaled(told: int | None, whole: int) -> int:
        return max(1, round(whole * cabinets / CABINETS)) if told is None else told

    return Numbers(
        cabinets=cabinets,
        alley_lamps=scaled(alley_lamps, ALLEY_LAMPS),
        signals=scaled(signals, SIGNALS),
        warnings=scaled(warnings, WARNINGS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One cabinet or post with its gateway.

    Attributes:
        contactors: Lamps behind each contactor, and by the phase that feeds them: [(8, 0, 0), (0, 7, 0), (0, 0, 7)] are
            three circuits of one phase each, [(4, 4, 3)] is one of three phases.
        reporting: Whether its lamps report, and can be dimmed.
        seed: For whatever else is drawn for it.
    """

    id: str
    gateway: str
    post_class: PostClass
    number: int
    street: str
    ward: str
    latitude: float
    longitude: float
    crew: str
    feeder: str = ""
    transformer: str = ""
    tags: tuple[str, ...] = ()
    contactors: tuple[tuple[int, int, int], ...] = ()
    lamp_power_w: int = 0
    reporting: bool = False
    seed: int = 0

    @property
    def lamps(self) -> int:
        """All its lamps."""
        return sum(sum(phases) for phases in self.contactors)


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPlan:
    """The whole city."""

    seed: int
    wards: tuple[tuple[str, str], ...]
    feeders: tuple[tuple[str, str], ...]
    crews: tuple[tuple[str, str], ...]
    sites: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class _Street:
    name: str
    ward: int
    latitude: float
    longitude: float
    bearing: float
    lamp_power_w: int


def shared_out(total: int, weights: Sequence[float], least: int = 0) -> list[int]:
    """Return whole shares of a total by weight, the largest remainders first; each has at least `least`."""
    free = total - least * len(weights)
    exact = [free * weight / sum(weights) for weight in weights]
    shares = [math.floor(one) for one in exact]
    order = sorted(range(len(weights)), key=lambda place: (shares[place] - exact[place], place))
    for place in order[: free - sum(shares)]:
        shares[place] += 1
    return [least + share for share in shares]


class _Spot(TypedDict):
    street: str
    ward: str
    latitude: float
    longitude: float
    crew: str
    seed: int


class _Lamps(TypedDict, total=False):
    contactors: tuple[tuple[int, int, int], ...]
    lamp_power_w: int
    reporting: bool


class _Planner:
    def __init__(self, numbers: Numbers, seed: int, known: Names) -> None:
        self.numbers = numbers
        self.seed = seed
        self.names = known
        self.draw = random.Random(seed)
        self.centres = [self._ward_centre(index) for index in range(len(known.wards))]
        self.streets = [self._street(index) for index in range(numbers.streets)]

    def _moved(self, latitude: float, longitude: float, metres: float, bearing: float) -> tuple[float, float]:
        north, east = metres * math.cos(bearing), metres * math.sin(bearing)
        scale = _METRES_A_DEGREE * math.cos(math.radians(latitude))
        return round(latitude + north / _METRES_A_DEGREE, 6), round(longitude + east / scale, 6)

    def _ward_centre(self, index: int) -> tuple[float, float]:
        is_inner = index < INNER_WARDS
        count = INNER_WARDS if is_inner else len(self.names.wards) - INNER_WARDS
        bearing = 2.0 * math.pi * (index if is_inner else index - INNER_WARDS) / count
        near, far = (600.0, 3000.0) if is_inner else (4500.0, 9000.0)
        return self._moved(LATITUDE, LONGITUDE, self.draw.uniform(near, far), bearing)

    def _street(self, index: int) -> _Street:
        # Three of four streets lie in the inner wards.
        inner = self.draw.random() < 0.75
        places = range(INNER_WARDS) if inner else range(INNER_WARDS, len(self.names.wards))
        ward = self.draw.choice(places)
        latitude, longitude = self._moved(
            *self.centres[ward], self.draw.uniform(0.0, 900.0), self.draw.uniform(0.0, 2.0 * math.pi)
        )
        powers, shares = zip(*_LAMP_POWERS, strict=True)
        power_w = int(self.draw.choices(powers, shares)[0])
        bearing = self.draw.uniform(0.0, math.pi)
        return _Street(self.names.street(index), ward, latitude, longitude, bearing, power_w)

    def _at(self, street: _Street, place: int) -> _Spot:
        latitude, longitude = self._moved(
            street.latitude, street.longitude, 300.0 * place + self.draw.uniform(0.0, 100.0), street.bearing
        )
        return {
            "street": street.name,
            "ward": self.names.wards[street.ward][0],
            "latitude": latitude,
            "longitude": longitude,
            "crew": f"crew-{street.ward % CREWS + 1}",
            "seed": self.draw.getrandbits(32),
        }

    def lighting(self) -> list[Site]:
        """Return the lighting cabinets: one on every street, the others where the draw puts them."""
        count = self.numbers.cabinets
        on_street = list(range(len(self.streets)))[:count]
        on_street += [self.draw.randrange(len(self.streets)) for _ in range(count - len(on_street))]
        on_street.sort(key=lambda street: (self.streets[street].ward, street))
        lamps = shared_out(self.numbers.lamps, [self.draw.uniform(0.6, 1.4) for _ in range(count)], LEAST_LAMPS)
        sites, digits = [], max(3, len(str(count)))
        for number, (street_number, its_lamps) in enumerate(zip(on_street, lamps, strict=True), start=1):
            street = self.streets[street_number]
            phases = shared_out(its_lamps, [1.0, 1.0, 1.0])
            is_whole = self.draw.random() < _WHOLE_SHARE
            whole = ((phases[0], phases[1], phases[2]),)
            single = ((phases[0], 0, 0), (0, phases[1], 0), (0, 0, phases[2]))
            sites.append(
                Site(
                    id=f"c-{number:0{digits}}",
                    gateway=f"gw-{number:0{digits}}",
                    post_class="lighting",
                    number=number,
                    contactors=whole if is_whole else single,
                    lamp_power_w=street.lamp_power_w,
                    tags=self._tags(street),
                    **self._at(street, on_street[:number].count(street_number) - 1),
                )
            )
        return sites

    def _tags(self, street: _Street) -> tuple[str, ...]:
        tags = ["main-road"] if street.lamp_power_w >= 280 else []
        return (*tags, "school") if self.draw.random() < 0.08 else tuple(tags)

    def others(self) -> list[Site]:
        """Return alley cabinets, traffic signals and warning posts."""
        sites: list[Site] = []
        lamps = shared_out(self.numbers.alley_lamps, [1.0] * self.numbers.alley_cabinets)
        for number, its_lamps in enumerate(lamps, start=1):
            reports = number % REPORTING_EVERY == 1
            facts: _Lamps = {
                "contactors": ((its_lamps, 0, 0),),
                "lamp_power_w": 60 if reports else 40,
                "reporting": reports,
            }
            sites.append(self._other("alley", "a", number, len(lamps), facts))
        signals, warnings = self.numbers.signals, self.numbers.warnings
        sites += [self._other("traffic_signal", "t", number, signals, {}) for number in range(1, signals + 1)]
        classes: list[PostClass] = ["warning_solar"] * self.numbers.solar_posts
        classes += ["warning_ac"] * (warnings - len(classes))
        sites += [self._other(one, "w", number, warnings, {}) for number, one in enumerate(classes, start=1)]
        return sites

    def _other(self, post_class: PostClass, letter: str, number: int, count: int, facts: _Lamps) -> Site:
        name = f"{number:0{max(2, len(str(count)))}}"
        spot = self._at(self.draw.choice(self.streets), self.draw.randrange(4))
        return Site(
            id=f"{letter}-{name}", gateway=f"gw-{letter}{name}", post_class=post_class, number=number, **facts, **spot
        )


def _fed(sites: list[Site], lighting: int) -> tuple[list[Site], int]:
    """Return the sites with their feeders and transformers, and how many feeders there are.

    Lighting cabinets stand in the order of their wards and streets, so that a feeder supplies neighbours; everything
    else hangs on the transformer of the nearest of them.
    """
    fed: list[Site] = []
    for place, site in enumerate(sites[:lighting]):
        line = place // FEEDER_CABINETS
        station = place % FEEDER_CABINETS // TRANSFORMER_CABINETS + 1
        fed.append(replace(site, feeder=f"f-{471 + line}", transformer=f"TBA {471 + line}-{station:02}"))
    for site in sites[lighting:]:
        if site.post_class == "warning_solar":
            fed.append(site)
            continue
        near = min(
            fed[:lighting], key=lambda one: math.hypot(one.latitude - site.latitude, one.longitude - site.longitude)
        )
        fed.append(replace(site, feeder=near.feeder, transformer=near.transformer))
    return fed, (lighting - 1) // FEEDER_CABINETS + 1


def plan_city(numbers: Numbers, seed: int, known: Names) -> CityPlan:
    """Return the plan of a city."""
    planner = _Planner(numbers, seed, known)
    sites, feeders = _fed([*planner.lighting(), *planner.others()], numbers.cabinets)
    return CityPlan(
        seed=seed,
        wards=known.wards,
        feeders=tuple((f"f-{471 + line}", f"Tuyến {471 + line}") for line in range(feeders)),
        crews=tuple((f"crew-{number}", f"Đội chiếu sáng {number}") for number in range(1, CREWS + 1)),
        sites=tuple(sites),
    )
