"""Requests about calendars: publish, roll back, go on with a rollout, follow, list, and what lamps will do by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import ValidationError

from collector.core.want_book import OWN_FILE, before, standing
from collector.shell.command_service import CommandService
from collector.shell.command_store import AuditEntry
from collector.shell.control_requests import (
    ContinueRequest,
    ListRequest,
    NightsRequest,
    PublishRequest,
    RollbackRequest,
    StatusRequest,
    VersionRequest,
    read_request,
)
from collector.shell.order_requests import OrderRequests, whole_gateways
from collector.shell.refusal import Refused
from collector.shell.want_desk import WantDesk
from collector.shell.want_store import Rollout, Version
from config.agent import Place
from config.city import Cabinet, City
from config.loader import load_document
from contract.codec import encode
from contract.lights import Calendar, HolidaysError, expand, lighting_day, plan
from contract.want import MAX_WANT_BYTES, Desired, Want, desired_hash

MAX_NIGHTS: Final = 1_000
"""Cabinets times nights of one answer: each takes the sun's times to be computed, and other requests wait."""


class WantRequests:
    """All of it runs in the command service's thread."""

    def __init__(self, *, service: CommandService, requests: OrderRequests, desk: WantDesk) -> None:
        """Register for the requests."""
        self._service = service
        self._requests = requests
        self._desk = desk
        self._files: dict[Path, Calendar] = {}
        service.handle("publish", self._publish)
        service.handle("rollback", self._rollback)
        service.handle("continue", self._continue)
        service.handle("wants", self._status)
        service.handle("versions", self._versions)
        service.handle("version", self._version)
        service.handle("nights", self._nights)

    def _publish(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, PublishRequest)
        user = self._requests.user(account, "calendar", {"do": "publish", "reason": request.reason})
        whole_gateways(request)
        again = self._desk.store.rollout_of_token(request.token)
        if again is not None:
            return self._rollout_told(again)
        now_ms = self._service.now_ms()
        calendar = self._usable(request.calendar, now_ms)
        digest = desired_hash(Desired(calendar=calendar))
        touched = self._requests.checked(request, request.fingerprint, user)
        gateways = [target.gateway for target in touched.targets]
        self._requests.spend(user, account, len(gateways), "publish")
        version_number, rollout_number = self._desk.store.next_numbers()
        now, held = _stages(gateways, request.first)
        version = Version(
            version=version_number,
            name=calendar.name,
            hash=digest,
            body=calendar.model_dump_json(exclude_defaults=True),
            source=request.source,
            by=user.name,
            reason=request.reason,
            at_ms=now_ms,
        )
        rollout = Rollout(
            id=rollout_number, version=version_number, by=user.name, reason=request.reason, at_ms=now_ms, held=held
        )
        wants = self._desk.next_wants(dict.fromkeys(now, (version_number, digest)), rollout)
        facts = {
            "version": version_number,
            "name": calendar.name,
            "hash": digest,
            "reason": request.reason,
            "gateways": now,
            "held": list(held),
        }
        entry = AuditEntry(at_ms=now_ms, user=user.name, account=account, action="publish", facts=facts)
        self._desk.store.publish(
            entry=entry, token=request.token, version=version, wants=wants, held=held, rollout=rollout
        )
        self._desk.remember(digest, calendar)
        self._desk.now_wanted(wants, user.name)
        return self._rollout_told(rollout) | {"published": now, "refused": dict(touched.refused)}

    def _usable(self, data: dict[str, Any], now_ms: int) -> Calendar:
        """Return a calendar as gateways get it.

        Raises:
            Refused: It is none, its holidays are not known here, or it is too long for the wire.
        """
        try:
            calendar = Calendar.model_validate_json(orjson.dumps(data))
            first_day = lighting_day(self._requests.city.place.timezone, now_ms)
            calendar = expand(calendar, first_day)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Refused("bad_calendar", where=where, why=first["msg"]) from error
        except HolidaysError as error:
            raise Refused("bad_calendar", where="rules", why=str(error)) from error
        size = len(encode(Want(rev=1, by="x" * 64, ts=now_ms, desired=Desired(calendar=calendar), mac="0" * 64)))
        if size > MAX_WANT_BYTES:
            raise Refused("calendar_too_long", bytes=size, most=MAX_WANT_BYTES)
        return calendar

    def _rollback(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, RollbackRequest)
        user = self._requests.user(account, "calendar", {"do": "rollback", "reason": request.reason})
        whole_gateways(request)
        again = self._desk.store.rollout_of_token(request.token)
        if again is not None:
            return self._rollout_told(again)
        now_ms = self._service.now_ms()
        touched = self._requests.checked(request, request.fingerprint, user)
        goals: dict[str, tuple[int, str]] = {}
        for gateway in (target.gateway for target in touched.targets):
            current = self._desk.wanted.get(gateway)
            if current is not None and current.version != OWN_FILE:
                earlier = before(self._desk.store.history(gateway), current)
                goals[gateway] = earlier or (OWN_FILE, desired_hash(Desired()))
        if not goals:
            raise Refused("nothing_to_roll_back")
        self._requests.spend(user, account, len(goals), "rollback")
        _, number = self._desk.store.next_numbers()
        rollout = Rollout(id=number, version=OWN_FILE, by=user.name, reason=request.reason, at_ms=now_ms, held=())
        wants = self._desk.next_wants(goals, rollout)
        facts = {
            "reason": request.reason,
            "gateways": {want.gateway: {"rev": want.rev, "version": want.version} for want in wants},
        }
        entry = AuditEntry(at_ms=now_ms, user=user.name, account=account, action="rollback", facts=facts)
        self._desk.store.publish(entry=entry, token=request.token, version=None, wants=wants, held=(), rollout=rollout)
        self._desk.now_wanted(wants, user.name)
        return self._rollout_told(rollout) | {"published": [want.gateway for want in wants]}

    def _continue(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, ContinueRequest)
        user = self._requests.user(account, "calendar", {"do": "continue", "rollout": request.rollout})
        rollout = self._desk.store.rollout(request.rollout)
        if rollout is None:
            raise Refused("no_such_rollout", rollout=request.rollout)
        if not rollout.held:
            raise Refused("nothing_held", rollout=request.rollout)
        not_applied = [
            want.gateway
            for want in self._desk.wanted.values()
            if want.rollout == rollout.id and standing(want, self._desk.reported.get(want.gateway)) != "applied"
        ]
        if not_applied and not request.regardless:
            raise Refused("first_not_applied", gateways=not_applied[:20], count=len(not_applied))
        version = self._desk.store.version(rollout.version)
        if version is None:
            raise Refused("no_such_version", version=rollout.version)
        self._requests.spend(user, account, len(rollout.held), "continue")
        wants = self._desk.next_wants(dict.fromkeys(rollout.held, (version.version, version.hash)), rollout)
        facts = {"rollout": rollout.id, "reason": request.reason, "gateways": list(rollout.held)}
        entry = AuditEntry(
            at_ms=self._service.now_ms(), user=user.name, account=account, action="continue", facts=facts
        )
        self._desk.store.release(entry=entry, rollout=rollout.id, wants=wants)
        self._desk.now_wanted(wants, user.name)
        return self._rollout_told(rollout) | {"held": [], "published": list(rollout.held)}

    def _status(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, StatusRequest)
        gateways: Sequence[str] = tuple(self._desk.cabinets)
        if request.everything or request.criteria().named():
            gateways = tuple(
                dict.fromkeys(cabinet.gateway for cabinet in self._requests.chosen(request) if cabinet.is_switched)
            )
        held = self._desk.store.held()
        names = {version.version: version.name for version in self._desk.store.versions(1_000)}
        return {
            "gateways": [self._gateway_told(gateway, held, names) for gateway in gateways],
            "timezone": self._requests.city.place.timezone,
        }

    def _gateway_told(self, gateway: str, held: Mapping[str, int], names: Mapping[int, str]) -> dict[str, Any]:
        wanted, reported = self._desk.wanted.get(gateway), self._desk.reported.get(gateway)
        return {
            "gateway": gateway,
            "cabinets": [cabinet.id for cabinet in self._desk.cabinets.get(gateway, [])],
            "online": self._service.book.is_connected(gateway),
            "standing": standing(wanted, reported),
            "wanted": None
            if wanted is None
            else {
                "rev": wanted.rev,
                "version": wanted.version,
                "name": names.get(wanted.version, ""),
                "by": wanted.by,
                "reason": wanted.reason,
                "at_ms": wanted.at_ms,
            },
            "reported": None
            if reported is None
            else {
                "rev": reported.rev,
                "applied_ms": reported.applied_ms,
                "error_en": reported.error_en,
                "error_vi": reported.error_vi,
            },
            "held_in": held.get(gateway),
            "holidays_end_ms": self._desk.holidays_end_ms(gateway),
        }

    def _versions(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, ListRequest)
        used: dict[int, int] = {}
        for want in self._desk.wanted.values():
            used[want.version] = used.get(want.version, 0) + 1
        return {
            "timezone": self._requests.city.place.timezone,
            "versions": [
                {
                    "version": version.version,
                    "name": version.name,
                    "by": version.by,
                    "reason": version.reason,
                    "at_ms": version.at_ms,
                    "gateways": used.get(version.version, 0),
                }
                for version in self._desk.store.versions(request.limit)
            ],
        }

    def _version(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, VersionRequest)
        version = self._desk.store.version(request.version)
        if version is None:
            raise Refused("no_such_version", version=request.version)
        return {
            "version": version.version,
            "name": version.name,
            "source": version.source,
            "calendar": orjson.loads(version.body),
            "by": version.by,
            "reason": version.reason,
            "at_ms": version.at_ms,
        }

    def _nights(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, NightsRequest)
        cabinets = [cabinet for cabinet in self._requests.chosen(request) if cabinet.is_switched]
        if len(cabinets) * request.nights > MAX_NIGHTS:
            raise Refused("too_many_nights", most=MAX_NIGHTS)
        city = self._requests.city
        first_day = lighting_day(city.place.timezone, self._service.now_ms())
        return {
            "timezone": city.place.timezone,
            "cabinets": [
                {"id": cabinet.id, "street": cabinet.street, **self._planned(cabinet, first_day, request.nights)}
                for cabinet in cabinets
            ],
        }

    def _planned(self, cabinet: Cabinet, first_day: date, nights: int) -> dict[str, Any]:
        calendar = self._desk.calendar_of(cabinet.gateway) or self._of_file(cabinet)
        if calendar is None:
            return {"calendar": None, "nights": []}
        planned = plan(calendar, place_of(self._requests.city, cabinet), first_day, nights)
        return {
            "calendar": calendar.name,
            "nights": [
                {
                    "day": night.day.isoformat(),
                    "program": night.program,
                    "rule": night.rule,
                    "steps": [[step.start_ms, step.end_ms, step.level, step.dim] for step in night.steps],
                }
                for night in planned
            ],
        }

    def _of_file(self, cabinet: Cabinet) -> Calendar | None:
        file = cabinet.calendar or self._requests.city.calendar
        if file is None:
            return None
        if file not in self._files:
            self._files[file] = load_document(file, Calendar)
        return self._files[file]

    def _rollout_told(self, rollout: Rollout) -> dict[str, Any]:
        return {"rollout": rollout.id, "version": rollout.version, "held": list(rollout.held)}


def place_of(city: City, cabinet: Cabinet) -> Place:
    """Return where a cabinet stands; the middle of the city if the inventory does not say."""
    if cabinet.place is None:
        return city.place
    return Place(latitude=cabinet.place.latitude, longitude=cabinet.place.longitude, timezone=city.place.timezone)


def _stages(gateways: Sequence[str], first: int | None) -> tuple[list[str], tuple[str, ...]]:
    cut = len(gateways) if first is None else first
    return list(gateways[:cut]), tuple(gateways[cut:])
