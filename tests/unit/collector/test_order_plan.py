"""Which cabinets are meant, what an order would touch, and what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from collector.core.order_plan import plan_order
from collector.core.selection import Criteria, UnknownNamesError, plain, select
from config.city import Circuit
from config.collector import User
from tests.unit.collector.lights_parts import cabinet, city

USER = User.model_validate({"name": "huong", "accounts": ["huong"], "operations": ["switch"]})
INVENTORY = city(
    cabinet(1, tags=("school",), feeder="f-471"),
    cabinet(2, ward="w2", feeder="f-471"),
    cabinet(3, ward="w2", tags=("school", "market")),
    cabinet(4, cabinet_class="traffic_signal"),
)


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        ({"streets": ("le duan",)}, ["c-1", "c-3"]),
        ({"streets": ("LÊ  DUẨN",), "wards": ("w2",)}, ["c-3"]),
        ({"wards": ("phuong pleiku",)}, ["c-2", "c-3"]),
        ({"wards": ("w1", "w2"), "tags": ("school",)}, ["c-1", "c-3"]),
        ({"cabinets": ("tu c-1", "c-2"), "feeders": ("tuyen 471",)}, ["c-1", "c-2"]),
        ({"everything": True}, ["c-1", "c-2", "c-3", "c-4"]),
    ],
)
def test_names_of_one_kind_add_up_and_kinds_narrow_down(criteria: dict[str, Any], names: list[str]) -> None:
    assert [one.id for one in select(INVENTORY, Criteria(**criteria))] == names


def test_unknown_names_come_back_all_at_once_with_the_nearest() -> None:
    with pytest.raises(UnknownNamesError) as caught:
        select(INVENTORY, Criteria(streets=("Le Duam",), cabinets=("c-1", "zzz"), tags=("scool",)))
    told = {(name.kind, name.name): name.nearest for name in caught.value.unknown}
    assert told["street", "Le Duam"] == ("Lê Duẩn",)
    assert told["tag", "scool"] == ("school",)
    assert told["cabinet", "zzz"] == ()


@pytest.mark.parametrize(
    "criteria", [Criteria(), Criteria(everything=True, tags=("school",)), Criteria(circuits=("A",))]
)
def test_nothing_and_everything_beside_something_is_no_choice(criteria: Criteria) -> None:
    with pytest.raises(ValueError, match="everything"):
        select(INVENTORY, criteria)


def test_dd_and_accents_are_the_same_without_them() -> None:
    assert plain("Đường  Trần Hưng Đạo") == plain("duong tran hung dao")


def circuit(name: str, at_gateway: str | None = None) -> Circuit:
    facts = {"id": name, "lamp_type": "sodium", "lamps": 10, "lamp_power_w": 170.0, "phases": [1], "power": ["m/p1"]}
    return Circuit.model_validate(facts | ({"gateway_circuit": at_gateway} if at_gateway else {}))


def test_a_whole_gateway_is_all_of_its_circuits_and_a_part_is_named() -> None:
    here = city(
        cabinet(1, gateway="gw", circuits=(circuit("A", "K1"), circuit("B", "K2"))),
        cabinet(2, gateway="gw", circuits=(circuit("A", "K3"),)),
    )
    everything = plan_order(here.cabinets, here.cabinets, user=USER, has_key=lambda _name: True)
    assert [(target.gateway, target.circuits) for target in everything.targets] == [("gw", ())]
    first = plan_order(here.cabinets[:1], here.cabinets, user=USER, has_key=lambda _name: True)
    assert first.targets[0].circuits == ("K1", "K2")
    one = plan_order(here.cabinets, here.cabinets, user=USER, has_key=lambda _name: True, circuits=("B",))
    assert (one.targets[0].circuits, one.refused) == (("K2",), {"c-2": "no_such_circuit"})


def test_what_an_order_leaves_out_has_a_cause_each() -> None:
    here = city(
        cabinet(1),
        cabinet(2, gateway="shared"),
        cabinet(3, gateway="shared"),
        cabinet(4, cabinet_class="warning_ac"),
        cabinet(5, ward="w2"),
        cabinet(6),
    )
    near = USER.model_copy(update={"wards": ("w1",)})
    chosen = [one for one in here.cabinets if one.id != "c-3"]
    plan = plan_order(chosen, here.cabinets, user=near, has_key=lambda gateway: gateway != "gw-6")
    assert plan.cabinets == ("c-1",)
    assert plan.refused == {
        "c-2": "shares_gateway",
        "c-4": "class_never_switched",
        "c-5": "not_your_area",
        "c-6": "no_key",
    }
    everything = plan_order(here.cabinets, here.cabinets, user=USER, has_key=lambda _name: True)
    assert everything.fingerprint != plan.fingerprint
