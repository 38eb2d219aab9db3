"""Calendars on their way to gateways: published, reported back, compared, rolled back; what the alarms hear of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import structlog
from pydantic import ValidationError

from collector.core.want_book import OWN_FILE, Reported, Wanted, before, next_rev, standing, told
from collector.shell.command_service import CommandService, Refused
from collector.shell.command_store import AuditEntry, Permit
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
from collector.shell.metrics import Metrics
from collector.shell.order_requests import OrderRequests
from collector.shell.own_evidence import OwnEvidence
from collector.shell.want_store import Rollout, Version, WantStore
from config.agent import Place
from config.city import Cabinet, City
from config.loader import load_document
from contract.codec import encode
from contract.lights import Calendar, HolidaysError, expand, lighting_day, plan
from contract.topics import GatewayTopics
from contract.want import MAX_WANT_BYTES, Desired, Want, WantReport, desired_hash, signed_want

EVIDENCE_INTERVAL_MS: Final = 30_000
"""Alarms hear everything again this often: no evidence is no evidence of an end."""
OFFER_INTERVAL_MS: Final = 600_000
"""A want that a connected gateway has not answered is published again this often: a broker may have lost it."""
MAX_NIGHTS: Final = 1_000
"""Cabinets times nights of one answer: each takes the sun's times to be computed, and other requests wait."""
_log = structlog.get_logger("collector.wants")


class WantDesk:
    """All of it runs in the command service's thread, but `heard_want`, `connected` and `calendar_of`."""

    def __init__(
        self,
        *,
        service: CommandService,
        requests: OrderRequests,
        metrics: Metrics,
        root: str,
        publish_retained: Callable[[str, bytes | None], None],
        evidence: OwnEvidence,
    ) -> None:
        """Take up what an earlier run wanted, and register for the requests."""
        self._service = service
        self._requests = requests
        self._metrics = metrics
        self._root = root
        self._publish_retained = publish_retained
        self._evidence = evidence
        self._store = WantStore(service.store)
        self._wanted = self._store.current()
        self._reported = self._store.reports()
        self._cabinets: dict[str, list[Cabinet]] = {}
        for cabinet in requests.city.cabinets:
            if cabinet.is_switched:
                self._cabinets.setdefault(cabinet.gateway, []).append(cabinet)
        self._zone = ZoneInfo(requests.city.place.timezone)
        self._bodies: dict[str, Calendar] = {}
        self._running: dict[str, Calendar] = {}
        self._files: dict[Path, Calendar] = {}
        self._told_ms = 0
        self._offered_ms = 0
        self._learn_running()
        service.handle("publish", self._publish)
        service.handle("rollback", self._rollback)
        service.handle("continue", self._continue)
        service.handle("wants", self._status)
        service.handle("versions", self._versions)
        service.handle("version", self._version)
        service.handle("nights", self._nights)
        service.each_pass(self._pass)

    def heard_want(self, gateway: str, report: WantReport, received_ms: int) -> None:
        """Take what a gateway says it runs by; from any thread."""
        self._service.call_soon("want", gateway, lambda: self._take_report(gateway, report, received_ms))

    def connected(self) -> None:
        """The broker is there again: offer what is not applied; from any thread."""
        self._offered_ms = 0

    def calendar_of(self, gateway: str) -> Calendar | None:
        """Return the calendar of ours that a gateway said it runs by, None: none of ours; from any thread."""
        return self._running.get(gateway)

    def _take_report(self, gateway: str, report: WantReport, received_ms: int) -> None:
        error = report.error
        reported = Reported(
            rev=report.rev,
            hash=report.hash,
            applied_ms=report.applied_ts,
            received_ms=received_ms,
            refused_rev=None if error is None else error.rev,
            error_en="" if error is None else _with_place(error.where, error.text_en),
            error_vi="" if error is None else _with_place(error.where, error.text_vi),
        )
        known = self._reported.get(gateway)
        self._reported[gateway] = reported
        if known is None or _without_receipt(known) != _without_receipt(reported):
            self._store.save_report(gateway, reported)
            state = standing(self._wanted.get(gateway), reported)
            _log.info("want reported", gateway=gateway, rev=reported.rev, standing=state)
            if state == "refused":
                self._service.events.note(
                    "config_changed", gateway=gateway, reason="want_refused", detail=reported.error_en
                )
            self._told_ms = 0
        self._learn_running()

    def _learn_running(self) -> None:
        hashes = {reported.hash for reported in self._reported.values()}
        for digest, body in self._store.bodies(hashes - self._bodies.keys()).items():
            self._bodies[digest] = Calendar.model_validate_json(body)
        self._running = {
            gateway: self._bodies[reported.hash]
            for gateway, reported in self._reported.items()
            if reported.hash in self._bodies
        }

    def _pass(self, now_ms: int) -> None:
        if not EVIDENCE_INTERVAL_MS > now_ms - self._told_ms >= 0:
            self._told_ms = now_ms
            self._tell_alarms(now_ms)
        if not OFFER_INTERVAL_MS > now_ms - self._offered_ms >= 0:
            self._offered_ms = now_ms
            waiting = [
                want
                for gateway, want in self._wanted.items()
                if standing(want, self._reported.get(gateway)) == "waiting"
            ]
            self._send(waiting)

    def _tell_alarms(self, now_ms: int) -> None:
        for gateway, cabinets in self._cabinets.items():
            wanted, reported = self._wanted.get(gateway), self._reported.get(gateway)
            state = standing(wanted, reported)
            about_want: dict[str, Any] = {
                "want_differs": int(state in {"waiting", "differs"}),
                "want_refused": int(state == "refused"),
                "want_told": told(wanted, reported),
            }
            for cabinet in cabinets:
                permit = self._service.permits.get((gateway, cabinet.id))
                overdue = permit is not None and permit.until_ms is not None and now_ms > permit.until_ms
                about_permit = {
                    "permit_overdue": int(overdue),
                    "permit_told": self._permit_told(permit) if permit is not None else "",
                }
                self._evidence.put(gateway, cabinet.id, about_want | about_permit, now_ms)

    def _permit_told(self, permit: Permit) -> str:
        if permit.until_ms is None:
            return permit.by
        until = datetime.fromtimestamp(permit.until_ms / 1000, UTC).astimezone(self._zone)
        return f"{permit.by} · {until:%d/%m %H:%M} · {permit.reason}"[:200]

    # --- requests ---

    def _publish(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, PublishRequest)
        user = self._requests.user(account, "calendar", {"do": "publish", "reason": request.reason})
        again = self._store.rollout_of_token(request.token)
        if again is not None:
            return self._rollout_told(again)
        now_ms = self._service.now_ms()
        calendar = self._usable(request.calendar, now_ms)
        digest = desired_hash(Desired(calendar=calendar))
        touched = self._requests.checked(request, request.fingerprint, user)
        gateways = [target.gateway for target in touched.targets]
        self._requests.spend(user, account, len(gateways), "publish")
        version_number, rollout_number = self._store.next_numbers()
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
        wants = self._wants_of(dict.fromkeys(now, (version_number, digest)), rollout)
        facts = {
            "version": version_number,
            "name": calendar.name,
            "hash": digest,
            "reason": request.reason,
            "gateways": now,
            "held": list(held),
        }
        entry = AuditEntry(at_ms=now_ms, user=user.name, account=account, action="publish", facts=facts)
        self._store.publish(entry=entry, token=request.token, version=version, wants=wants, held=held, rollout=rollout)
        self._bodies[digest] = calendar
        self._now_wanted(wants, user.name)
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
        again = self._store.rollout_of_token(request.token)
        if again is not None:
            return self._rollout_told(again)
        now_ms = self._service.now_ms()
        touched = self._requests.checked(request, request.fingerprint, user)
        goals: dict[str, tuple[int, str]] = {}
        for gateway in (target.gateway for target in touched.targets):
            current = self._wanted.get(gateway)
            if current is not None and current.version != OWN_FILE:
                earlier = before(self._store.history(gateway), current)
                goals[gateway] = earlier or (OWN_FILE, desired_hash(Desired()))
        if not goals:
            raise Refused("nothing_to_roll_back")
        self._requests.spend(user, account, len(goals), "rollback")
        _, number = self._store.next_numbers()
        rollout = Rollout(id=number, version=OWN_FILE, by=user.name, reason=request.reason, at_ms=now_ms, held=())
        wants = self._wants_of(goals, rollout)
        facts = {
            "reason": request.reason,
            "gateways": {want.gateway: {"rev": want.rev, "version": want.version} for want in wants},
        }
        entry = AuditEntry(at_ms=now_ms, user=user.name, account=account, action="rollback", facts=facts)
        self._store.publish(entry=entry, token=request.token, version=None, wants=wants, held=(), rollout=rollout)
        self._now_wanted(wants, user.name)
        return self._rollout_told(rollout) | {"published": [want.gateway for want in wants]}

    def _continue(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, ContinueRequest)
        user = self._requests.user(account, "calendar", {"do": "continue", "rollout": request.rollout})
        rollout = self._store.rollout(request.rollout)
        if rollout is None:
            raise Refused("no_such_rollout", rollout=request.rollout)
        if not rollout.held:
            raise Refused("nothing_held", rollout=request.rollout)
        not_applied = [
            want.gateway
            for want in self._wanted.values()
            if want.rollout == rollout.id and standing(want, self._reported.get(want.gateway)) != "applied"
        ]
        if not_applied and not request.regardless:
            raise Refused("first_not_applied", gateways=not_applied[:20], count=len(not_applied))
        version = self._store.version(rollout.version)
        if version is None:
            raise Refused("no_such_version", version=rollout.version)
        self._requests.spend(user, account, len(rollout.held), "continue")
        wants = self._wants_of(dict.fromkeys(rollout.held, (version.version, version.hash)), rollout)
        facts = {"rollout": rollout.id, "reason": request.reason, "gateways": list(rollout.held)}
        entry = AuditEntry(
            at_ms=self._service.now_ms(), user=user.name, account=account, action="continue", facts=facts
        )
        self._store.release(entry=entry, rollout=rollout.id, wants=wants)
        self._now_wanted(wants, user.name)
        return self._rollout_told(rollout) | {"held": [], "published": list(rollout.held)}

    def _status(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, StatusRequest)
        gateways: Sequence[str] = tuple(self._cabinets)
        if request.everything or request.criteria().named():
            gateways = tuple(
                dict.fromkeys(cabinet.gateway for cabinet in self._requests.chosen(request) if cabinet.is_switched)
            )
        held = self._store.held()
        names = {version.version: version.name for version in self._store.versions(1_000)}
        return {
            "gateways": [self._gateway_told(gateway, held, names) for gateway in gateways],
            "timezone": self._requests.city.place.timezone,
        }

    def _gateway_told(self, gateway: str, held: Mapping[str, int], names: Mapping[int, str]) -> dict[str, Any]:
        wanted, reported = self._wanted.get(gateway), self._reported.get(gateway)
        return {
            "gateway": gateway,
            "cabinets": [cabinet.id for cabinet in self._cabinets.get(gateway, [])],
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
        }

    def _versions(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, ListRequest)
        used: dict[int, int] = {}
        for want in self._wanted.values():
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
                for version in self._store.versions(request.limit)
            ],
        }

    def _version(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, VersionRequest)
        version = self._store.version(request.version)
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
        calendar = self._running.get(cabinet.gateway) or self._of_file(cabinet)
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

    # --- sending ---

    def _wants_of(self, goals: Mapping[str, tuple[int, str]], rollout: Rollout) -> list[Wanted]:
        """Return the next want of each gateway; (version, hash) is what it is to run by."""
        wants = []
        for gateway, (version, digest) in goals.items():
            known, reported = self._wanted.get(gateway), self._reported.get(gateway)
            rev = next_rev(known.rev if known else 0, reported.rev if reported else 0)
            if reported is not None and reported.refused_rev is not None:
                rev = max(rev, reported.refused_rev + 1)
            wants.append(
                Wanted(
                    gateway=gateway,
                    rev=rev,
                    version=version,
                    hash=digest,
                    by=rollout.by,
                    reason=rollout.reason,
                    at_ms=self._service.now_ms(),
                    rollout=rollout.id,
                )
            )
        return wants

    def _now_wanted(self, wants: Sequence[Wanted], user: str) -> None:
        self._wanted |= {want.gateway: want for want in wants}
        self._told_ms = 0
        self._send(wants)
        versions = sorted({want.version for want in wants})
        detail = f"versions {versions} to {len(wants)} gateways"
        self._service.events.note("config_changed", reason="want", user=user, detail=detail)

    def _send(self, wants: Sequence[Wanted]) -> None:
        calendars: dict[int, Calendar | None] = {OWN_FILE: None}
        for want in wants:
            if want.version not in calendars:
                version = self._store.version(want.version)
                if version is None:
                    _log.error("calendar of a want is gone", version=want.version, gateway=want.gateway)
                    continue
                calendars[want.version] = Calendar.model_validate_json(version.body)
            key = self._service.keys.key(want.gateway)
            if key is None:
                continue
            document = Want(rev=want.rev, by=want.by, ts=want.at_ms, desired=Desired(calendar=calendars[want.version]))
            signed = signed_want(document, want.gateway, key)
            self._publish_retained(GatewayTopics(want.gateway, self._root).want, encode(signed))
            self._metrics.add("wants_published")

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


def _with_place(where: str, text: str) -> str:
    return f"{where}: {text}" if where else text


def _without_receipt(reported: Reported) -> tuple[Any, ...]:
    return (reported.rev, reported.hash, reported.applied_ms, reported.refused_rev, reported.error_en)
