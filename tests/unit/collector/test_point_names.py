"""Names of points: the newest description holds, equal names are kept once, and there is a bound."""

from __future__ import annotations

import pytest

from collector.core import point_names
from collector.core.point_names import PointNames
from contract.state import DeviceMeta, Meta, PointMeta


def meta(**points: str) -> Meta:
    described = {key: PointMeta(en=name, vi=f"{name} (vi)", kind="float") for key, name in points.items()}
    device = DeviceMeta(device_class="water", profile="p", profile_version="1", interval_s=1, points=described)
    return Meta(sw="1", epoch="e" * 32, devices={"probe": device})


def test_the_newest_description_holds_and_each_gateway_has_its_own() -> None:
    names = PointNames()
    names.learn("gw-1", meta(do="Oxygen", ph="Acidity"))
    names.learn("gw-2", meta(do="Sauerstoff"))
    names.learn("gw-1", meta(do="Dissolved oxygen"))
    assert names.of("gw-1") == {"probe/do": {"en": "Dissolved oxygen", "vi": "Dissolved oxygen (vi)"}}
    assert names.of("gw-2")["probe/do"]["en"] == "Sauerstoff"
    assert names.of("gw-3") == {}


def test_equal_names_are_kept_once() -> None:
    names = PointNames()
    names.learn("gw-1", meta(do="Oxygen"))
    names.learn("gw-2", meta(do="Oxygen"))
    assert names.of("gw-1")["probe/do"] is names.of("gw-2")["probe/do"]


def test_a_flood_of_names_is_bounded_and_room_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point_names, "MAX_NAMES", 3)
    names = PointNames()
    names.learn("gw-1", meta(a="A", b="B"))
    names.learn("gw-2", meta(c="C", d="D"))
    assert len(names.of("gw-1")) + len(names.of("gw-2")) == 3
    names.learn("gw-1", meta(a="A"))
    names.learn("gw-2", meta(c="C", d="D"))
    assert len(names.of("gw-2")) == 2
