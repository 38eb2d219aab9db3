"""What the centre of a planned city knows: the inventory and the collector's configuration."""

from __future__ import annotations

from typing import Any, Final

from firmware_sim.city.field import PHASES, circuit_id, lamp_id
from firmware_sim.city.plan import LATITUDE, LONGITUDE, TIMEZONE, CityPlan, Site

Document = dict[str, Any]
WEBHOOK_PORT: Final = 8099
"""Where crews are told, as in the example of the collector; nobody listens there unless you do."""

_NAMES: Final = {
    "lighting": "Tủ chiếu sáng",
    "alley": "Tủ ngõ hẻm",
    "traffic_signal": "Tủ đèn tín hiệu giao thông",
    "warning_ac": "Trụ đèn cảnh báo",
    "warning_solar": "Trụ đèn cảnh báo năng lượng mặt trời",
}


def city_document(plan: CityPlan) -> Document:
    """Return the inventory."""
    return {
        "city": "Pleiku (simulated)",
        "place": {"latitude": LATITUDE, "longitude": LONGITUDE, "timezone": TIMEZONE},
        "crews": [{"id": name, "name": shown, "language": "vi"} for name, shown in plan.crews],
        "wards": [{"id": name, "name": shown} for name, shown in plan.wards],
        "feeders": [{"id": name, "name": shown} for name, shown in plan.feeders],
        "calendar_file": "calendar.yaml",
        "cabinets": [_cabinet(site) for site in plan.sites],
    }


def _cabinet(site: Site) -> Document:
    is_solar = site.post_class == "warning_solar"
    devices = {"io": "inputs"} if is_solar else {"meter": "meter", "io": "relay"}
    if site.post_class == "warning_ac":
        devices = {"io": "relay"}
    cabinet: Document = {
        "id": site.id,
        "name": f"{_NAMES[site.post_class]} {site.id.upper()}",
        "street": site.street,
        "ward": site.ward,
        **({} if is_solar else {"feeder": site.feeder, "transformer": site.transformer}),
        "crew": site.crew,
        "gateway": site.gateway,
        "devices": devices,
        "cabinet_class": site.post_class,
        "place": {"latitude": site.latitude, "longitude": site.longitude},
    }
    if site.tags:
        cabinet["tags"] = list(site.tags)
    if site.contactors:
        cabinet["circuits"] = [_circuit(site, number) for number in range(len(site.contactors))]
    if site.reporting:
        cabinet["reporting_lamps"] = [
            {"device": lamp_id(number), "circuit": "A"} for number in range(1, site.lamps + 1)
        ]
    return cabinet


def _circuit(site: Site, contactor: int) -> Document:
    lamps = site.contactors[contactor]
    phases = [phase for phase in PHASES if lamps[phase - 1]]
    return {
        "id": circuit_id(contactor),
        "phases": phases,
        "lamp_type": "sodium" if site.post_class == "lighting" else "led",
        "lamps": sum(lamps),
        "lamp_power_w": site.lamp_power_w,
        "power": [f"p{phase}" for phase in phases],
    }


def collector_document(plan: CityPlan, *, mqtt_port: int, account: str) -> Document:
    """Return the collector's configuration; the account of the operating system may command everything."""
    return {
        "city_file": "city.yaml",
        "state_dir": "state",
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port},
        "store": {"kind": "sqlite"},
        "notify": [
            {"crew": crew, "channels": [{"url": f"json://127.0.0.1:{WEBHOOK_PORT}/{crew}"}]} for crew, _ in plan.crews
        ],
        "commands": {
            "keys_folder": "keys",
            "users": [{"name": "operator", "accounts": [account], "operations": ["switch", "permit", "calendar"]}],
        },
    }
