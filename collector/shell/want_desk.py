"""Calendars on their way to gateways: published, reported back, compared, rolled back; what the alarms hear of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

import structlog

from collector.core.want_book import OWN_FILE, Reported, Wanted, next_rev, standing, told
from collector.shell.command_service import CommandService
from collector.shell.metrics import Metrics
from collector.shell.own_evidence import OwnEvidence
from collector.shell.permit_keeper import PermitKeeper
from collector.shell.want_store import Rollout, WantStore
from config.city import Cabinet, City
from contract.codec import encode
from contract.lights import Calendar
from contract.topics import GatewayTopics
from contract.want import Desired, Want, WantReport, signed_want

EVIDENCE_INTERVAL_MS: Final = 30_000
"""Alarms hear everything again this often: no evidence is no evidence of an end."""
OFFER_INTERVAL_MS: Final = 600_000
"""A want that a connected gateway has not answered is published again this often: a broker may have lost it."""
HOLIDAYS_LEFT_MS: Final = 60 * 86_400_000
"""A calendar that knows holidays for less than this must be published again, or next Tet is a night like any other."""
_log = structlog.get_logger("collector.wants")


class WantDesk:
    """All of it runs in the command service's thread, but `heard_want`, `connected` and `calendar_of`."""

    def __init__(
        self,
        *,
        service: CommandService,
        city: City,
        permits: PermitKeeper,
        metrics: Metrics,
        root: str,
        publish_retained: Callable[[str, bytes | None], None],
        evidence: OwnEvidence,
    ) -> None:
        """Take up what an earlier run wanted."""
        self._service = service
        self._permits = permits
        self._metrics = metrics
        self._root = root
        self._publish_retained = publish_retained
        self._evidence = evidence
        self.store = WantStore(service.store)
        self.wanted = self.store.current()
        self.reported = self.store.reports()
        self.cabinets: dict[str, list[Cabinet]] = {}
        for cabinet in city.cabinets:
            if cabinet.is_switched:
                self.cabinets.setdefault(cabinet.gateway, []).append(cabinet)
        self._bodies: dict[str, Calendar] = {}
        self._running: dict[str, Calendar] = {}
        self._told_ms = 0
        self._offered_ms = 0
        self._learn_running()
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

    def remember(self, digest: str, calendar: Calendar) -> None:
        """Take a calendar that gateways may report from now on."""
        self._bodies[digest] = calendar

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
        known = self.reported.get(gateway)
        self.reported[gateway] = reported
        if known is None or _without_receipt(known) != _without_receipt(reported):
            self.store.save_report(gateway, reported)
            state = standing(self.wanted.get(gateway), reported)
            _log.info("want reported", gateway=gateway, rev=reported.rev, standing=state)
            if state == "refused":
                self._service.events.note(
                    "config_changed", gateway=gateway, reason="want_refused", detail=reported.error_en
                )
            self._told_ms = 0
        self._learn_running()

    def _learn_running(self) -> None:
        hashes = {reported.hash for reported in self.reported.values()}
        for digest, body in self.store.bodies(hashes - self._bodies.keys()).items():
            self._bodies[digest] = Calendar.model_validate_json(body)
        self._running = {
            gateway: self._bodies[reported.hash]
            for gateway, reported in self.reported.items()
            if reported.hash in self._bodies
        }

    def _pass(self, now_ms: int) -> None:
        if not EVIDENCE_INTERVAL_MS > now_ms - self._told_ms >= 0:
            self._told_ms = now_ms
            self._tell_alarms(now_ms)
        if not OFFER_INTERVAL_MS > now_ms - self._offered_ms >= 0:
            self._offered_ms = now_ms
            waiting = [
                want for gateway, want in self.wanted.items() if standing(want, self.reported.get(gateway)) == "waiting"
            ]
            self._send(waiting)

    def _tell_alarms(self, now_ms: int) -> None:
        for gateway, cabinets in self.cabinets.items():
            wanted, reported = self.wanted.get(gateway), self.reported.get(gateway)
            state = standing(wanted, reported)
            about_want: dict[str, Any] = {
                "want_differs": int(state in {"waiting", "differs"}),
                "want_refused": int(state == "refused"),
                "want_told": told(wanted, reported),
            }
            ends_ms = self.holidays_end_ms(gateway)
            about_want["want_ages"] = int(ends_ms is not None and ends_ms - now_ms < HOLIDAYS_LEFT_MS)
            for cabinet in cabinets:
                about_permit = self._permits.known(gateway, cabinet.id, now_ms)
                self._evidence.put(gateway, cabinet.id, about_want | about_permit, now_ms)

    def holidays_end_ms(self, gateway: str) -> int | None:
        """Return when the holidays end that a gateway's running calendar knows; None: it needs none, or is not ours."""
        calendar = self._running.get(gateway)
        if calendar is None or calendar.expanded is None:
            return None
        last = datetime.combine(date.fromisoformat(calendar.expanded.last), time(12), UTC)
        return round(last.timestamp() * 1000)

    def next_wants(self, goals: Mapping[str, tuple[int, str]], rollout: Rollout) -> list[Wanted]:
        """Return the next want of each gateway; (version, hash) is what it is to run by."""
        wants = []
        for gateway, (version, digest) in goals.items():
            known, reported = self.wanted.get(gateway), self.reported.get(gateway)
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

    def now_wanted(self, wants: Sequence[Wanted], user: str) -> None:
        """Send what was written down as wanted from now on."""
        self.wanted |= {want.gateway: want for want in wants}
        self._told_ms = 0
        self._send(wants)
        versions = sorted({want.version for want in wants})
        detail = f"versions {versions} to {len(wants)} gateways"
        self._service.events.note("config_changed", reason="want", user=user, detail=detail)

    def _send(self, wants: Sequence[Wanted]) -> None:
        calendars: dict[int, Calendar | None] = {OWN_FILE: None}
        for want in wants:
            if want.version not in calendars:
                version = self.store.version(want.version)
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


def _with_place(where: str, text: str) -> str:
    return f"{where}: {text}" if where else text


def _without_receipt(reported: Reported) -> tuple[Any, ...]:
    return (reported.rev, reported.hash, reported.applied_ms, reported.refused_rev, reported.error_en)
