"""A lights' centre without threads, sockets and broker: requests in, messages out, a clock that stands."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from collector.shell.command_keys import CommandKeys
from collector.shell.command_service import CommandService
from collector.shell.command_store import CommandStore
from collector.shell.lights_seen import LightsSeen
from collector.shell.metrics import Metrics
from collector.shell.order_requests import OrderRequests
from collector.shell.own_evidence import OwnEvidence
from collector.shell.permit_keeper import PermitKeeper
from collector.shell.security_events import SecurityEvents
from collector.shell.store_queue import Pending
from collector.shell.want_desk import WantDesk
from collector.shell.want_requests import WantRequests
from config.agent import Place
from config.city import Area, Cabinet, City, Crew
from config.collector import Commands
from contract.command import Command, Result, ResultState
from contract.state import Online
from contract.want import Want, WantReport, desired_hash

NOW_MS = 1_798_722_000_000
ALL = ("switch", "permit", "calendar")
CALENDAR: dict[str, Any] = {
    "name": "evening",
    "programs": [{"id": "p", "periods": [{"on": {"at": "sunset"}, "off": {"at": "23:00"}}]}],
}


def cabinet(number: int, **more: Any) -> Cabinet:
    facts: dict[str, Any] = {
        "id": f"c-{number}",
        "name": f"Tủ C-{number}",
        "street": "Lê Duẩn" if number % 2 else "Hùng Vương",
        "ward": "w1",
        "crew": "north",
        "gateway": f"gw-{number}",
        "devices": {"meter": f"m{number}", "io": "d"},
    }
    return Cabinet.model_validate(facts | more)


def city(*cabinets: Cabinet) -> City:
    return City(
        city="Pleiku",
        place=Place(latitude=13.98, longitude=108.0, timezone="Asia/Ho_Chi_Minh"),
        crews=(Crew(id="north", name="North"),),
        wards=(Area(id="w1", name="Phường Diên Hồng"), Area(id="w2", name="Phường Pleiku")),
        feeders=(Area(id="f-471", name="Tuyến 471"),),
        cabinets=cabinets or tuple(cabinet(number) for number in (1, 2, 3)),
    )


class Parts:
    """A centre; `ask` runs one pass of the service, as every call does."""

    def __init__(self, folder: Path, inventory: City | None = None, **config: Any) -> None:
        self.folder = folder
        self.city = inventory or city()
        users = [
            {"name": "huong", "accounts": ["huong"], "operations": ALL},
            {"name": "an", "accounts": ["an"], "operations": ["switch"], "wards": ["w2"]},
            {"name": "look", "accounts": ["look"]},
        ]
        self.config = Commands.model_validate({"users": users, "keys_folder": folder / "keys", **config})
        (folder / "keys").mkdir(exist_ok=True)
        for one in self.city.cabinets:
            (folder / "keys" / f"{one.gateway}.key").write_bytes(b"k" * 32)
        self.now_ms = NOW_MS
        self.sent: list[tuple[str, Command]] = []
        self.wants: list[tuple[str, Want]] = []
        self.rows: list[Pending] = []
        self.metrics = Metrics()
        self._numbers = itertools.count(1)
        self.open()

    def open(self) -> None:
        """Begin with what is on the disk, as after a restart."""
        self.store = CommandStore(self.folder)
        self.evidence = OwnEvidence()
        self.service = CommandService(
            store=self.store,
            keys=CommandKeys(self.folder / "keys"),
            events=SecurityEvents(self._put, self.metrics, lambda: self.now_ms),
            metrics=self.metrics,
            root="city/v1",
            gateways=frozenset(one.gateway for one in self.city.cabinets),
            publish=self._publish,
            now_ms=lambda: self.now_ms,
            random_bits=lambda _bits: next(self._numbers),
        )
        self.seen = LightsSeen()
        permits = PermitKeeper(service=self.service, seen=self.seen, zone=ZoneInfo("Asia/Ho_Chi_Minh"))
        requests = OrderRequests(
            city=self.city, config=self.config, service=self.service, seen=self.seen, permits=permits
        )
        self.desk = WantDesk(
            service=self.service,
            city=self.city,
            permits=permits,
            metrics=self.metrics,
            root="city/v1",
            publish_retained=self._retain,
            evidence=self.evidence,
        )
        WantRequests(service=self.service, requests=requests, desk=self.desk)

    def close(self) -> None:
        self.service.stop()

    def _put(self, pending: Pending) -> bool:
        self.rows.append(pending)
        return True

    def _publish(self, topic: str, payload: bytes) -> bool:
        self.sent.append((topic.split("/")[2], Command.model_validate_json(payload)))
        return True

    def _retain(self, topic: str, payload: bytes | None) -> None:
        assert payload is not None
        self.wants.append((topic.split("/")[2], Want.model_validate_json(payload)))

    def events(self) -> list[tuple[str, str]]:
        """Return (event, reason) of the security events."""
        return [(row.device, str(row.fields.get("reason", ""))) for pending in self.rows for row in pending.rows]

    def ask(self, do: str, account: str = "huong", **facts: Any) -> dict[str, Any]:
        """Answer one request as the service does in its pass."""
        from collector.shell.command_service import _Request

        request = _Request({"do": do, **facts}, account)
        self.service._requests.append(request)
        self.service.step(0)
        return request.answer

    def order(self, account: str = "huong", *, op: str = "override", **facts: Any) -> dict[str, Any]:
        """Plan and order in one; `cabinets` and the like choose."""
        operation = "permit" if op == "permit" else "switch"
        names = ("cabinets", "streets", "wards", "feeders", "tags", "everything", "circuits")
        chosen = {name: facts.pop(name) for name in names if name in facts}
        plan = self.ask("plan", account, operation=operation, **chosen)
        if "error" in plan:
            return plan
        if op == "override":
            facts = {"level": 100, "for_s": 7200.0, "reason": "storm", **facts}
        token = facts.pop("token", secrets.token_hex(16))
        return self.ask("order", account, op=op, fingerprint=plan["fingerprint"], token=token, **chosen, **facts)

    def publish(self, calendar: Mapping[str, Any] = CALENDAR, cabinets: Sequence[str] = ("c-1",), **facts: Any) -> Any:
        """Plan and publish in one."""
        plan = self.ask("plan", operation="calendar", cabinets=list(cabinets))
        return self.ask(
            "publish",
            calendar=dict(calendar),
            source=orjson.dumps(calendar).decode(),
            cabinets=list(cabinets),
            fingerprint=plan["fingerprint"],
            token=secrets.token_hex(16),
            reason="trial",
            **facts,
        )

    def online(self, gateway: str, nonce: str = "n1") -> None:
        self.service.heard_online(gateway, Online(online=bool(nonce), nonce=nonce, sw="1", since=self.now_ms))
        self.service.step(0)

    def result(self, gateway: str, order: str, state: ResultState, reason: str = "") -> None:
        self.service.heard_result(gateway, Result(id=order, state=state, reason=reason, ts=self.now_ms))
        self.service.step(0)

    def report(self, gateway: str, want: Want | None, **facts: Any) -> None:
        """Let a gateway say that it applied a want, or whatever else."""
        told = {"rev": want.rev, "hash": desired_hash(want.desired)} if want is not None else {}
        self.desk.heard_want(gateway, WantReport.model_validate(told | facts), self.now_ms)
        self.service.step(0)

    def pass_time(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        self.service.step(0)

    def progress(self, order: str) -> dict[str, tuple[str, str]]:
        """Return gateway to (state, reason)."""
        answers = self.ask("progress", order=order)["answers"]
        return {answer["gateway"]: (answer["state"], answer["reason"]) for answer in answers}

    def known(self, cabinet_id: str) -> dict[str, Any]:
        """Return the newest of what the alarms were told of a cabinet."""
        told: dict[str, Any] = {}
        for _, block in self.evidence.take():
            if block.device == f"centre:{cabinet_id}":
                told |= dict(zip(block.keys, block.values, strict=True))
        return told
