"""The want of the centre: judged, kept so that no power cut loses it, applied, reported; the last good one goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from config.agent import Place
from config.language import Texts
from contract.codec import PayloadError, decode
from contract.lights import Calendar, Located, SunTable, lighting_day, sun_table
from contract.want import (
    MAX_WANT_BYTES,
    Desired,
    Limits,
    Want,
    WantError,
    WantReport,
    desired_hash,
    want_signature_agrees,
)
from edge_agent.core.lights.backdrop import GoingBy
from edge_agent.shell.whole_file import replace_whole

WANT_FILE: Final = "want.json"
SUN_FILE: Final = "sun.json"
SUN_RENEWED_DAYS: Final = 30
"""The table is made anew once it is this old, so that it always reaches a year ahead."""
SUN_LOOK_S: Final = 3600.0
_log = structlog.get_logger("want")

TEXTS: Final = Texts(
    {
        "unreadable": ("not a want: {problem}", "không phải bản yêu cầu: {problem}"),
        "no_key": (
            "the gateway has no command key (commands.key_file), so it takes no want",
            "gateway chưa có khóa lệnh (commands.key_file) nên không nhận yêu cầu",
        ),
        "bad_signature": (
            "the signature is not by this gateway's key",
            "chữ ký không khớp khóa của gateway này",
        ),
        "rev_not_higher": (
            "revision {rev} is in force with other content; a change needs a higher one",
            "phiên bản {rev} đang dùng có nội dung khác; muốn đổi phải dùng số cao hơn",
        ),
        "rev_lower": (
            "revision {rev} is older than {in_force}, which is in force",
            "phiên bản {rev} cũ hơn phiên bản {in_force} đang dùng",
        ),
        "not_kept": ("cannot be kept on the disk: {problem}", "không ghi được vào đĩa: {problem}"),
    }
)


@dataclass(frozen=True, kw_only=True)
class _InForce:
    want: Want
    applied_ms: int | None


def _error(name: str, *, rev: int = 0, where: str = "", **facts: object) -> WantError:
    return WantError(
        rev=rev,
        where=where[:256],
        text_en=TEXTS.text(name, "en", rev=rev, **facts)[:512],
        text_vi=TEXTS.text(name, "vi", rev=rev, **facts)[:512],
    )


class WantDesk:
    """Takes wants, and knows what the lights go by.

    Attributes:
        on_change: Called with what the lights go by from now on, and the centre's bounds.
        on_report: Called with what `state/want` says.
    """

    def __init__(
        self,
        *,
        gateway: str,
        key: bytes | None,
        state_dir: Path,
        calendar: Calendar,
        place: Located,
        now_ms: Callable[[], int | None],
    ) -> None:
        """Read what was kept.

        Args:
            gateway: Whose want it must be.
            key: The command key; None: every want is refused.
            state_dir: Where the last good want and the sun's times are kept.
            calendar: The gateway's own, which holds until a want brings one.
            place: Its own place.
            now_ms: The trusted time.
        """
        self.on_change: Callable[[GoingBy, Limits], None] = lambda _going, _limits: None
        self.on_report: Callable[[WantReport], None] = lambda _report: None
        self._gateway = gateway
        self._key = key
        self._file = state_dir / WANT_FILE
        self._sun_file = state_dir / SUN_FILE
        self._calendar = calendar
        self._problem: str | None = None
        self._place = place
        self._now_ms = now_ms
        self._turn = asyncio.Lock()
        self._error: WantError | None = None
        self._in_force = self._load()
        self._sun = self._load_sun()

    @property
    def going(self) -> GoingBy:
        """What the lights go by."""
        desired = self._desired()
        place = self._place_of(desired)
        return GoingBy(
            calendar=desired.calendar or self._calendar,
            place=place,
            sun=self._sun if self._sun is not None and self._sun.is_of(place) else None,
            rev=self._in_force.want.rev if self._in_force else 0,
            hash=self._hash(),
            problem=None if desired.calendar is not None else self._problem,
        )

    @property
    def limits(self) -> Limits:
        """The bounds that the centre sets."""
        return self._desired().limits or Limits()

    @property
    def report(self) -> WantReport:
        """What `state/want` says."""
        in_force = self._in_force
        return WantReport(
            rev=in_force.want.rev if in_force else 0,
            hash=self._hash(),
            applied_ts=in_force.applied_ms if in_force else None,
            error=self._error,
        )

    def use_file(self, calendar: Calendar, problem: str | None) -> None:
        """Take the gateway's own calendar, read anew; it holds where no want has brought another.

        Args:
            calendar: Of the file, or of its last good copy.
            problem: Why it is not that of the file; None if it is.
        """
        self._calendar, self._problem = calendar, problem
        self._tell()

    async def receive(self, payload: bytes) -> None:
        """Take a message of `down/want`; it is retained there by right. An empty one is the topic being cleared."""
        if not payload:
            return
        async with self._turn:
            self._error = await self._judge(payload)
            if self._error is not None:
                _log.error("want refused", rev=self._error.rev, where=self._error.where, reason=self._error.text_en)
            self._tell()

    async def run(self) -> None:
        """Keep 400 days of the sun's times on the disk, until cancelled."""
        while True:
            async with self._turn:
                await self._renew_sun()
            await asyncio.sleep(SUN_LOOK_S)

    def _tell(self) -> None:
        self.on_change(self.going, self.limits)
        self.on_report(self.report)

    def _desired(self) -> Desired:
        return self._in_force.want.desired if self._in_force else Desired()

    def _place_of(self, desired: Desired) -> Located:
        wished = desired.place
        if wished is None:
            return self._place
        return Place(latitude=wished.latitude, longitude=wished.longitude, timezone=wished.timezone)

    def _hash(self) -> str:
        if self._in_force is not None:
            return desired_hash(self._in_force.want.desired)
        return desired_hash(Desired(calendar=self._calendar))

    async def _judge(self, payload: bytes) -> WantError | None:
        """Apply a want, or return why not."""
        try:
            want = decode(payload, Want, MAX_WANT_BYTES)
        except PayloadError as error:
            where, _, problem = str(error).partition(": ")
            if error.kind != "invalid":
                where, problem = "", str(error)
            return _error("unreadable", where=where, problem=problem)
        if self._key is None:
            return _error("no_key", rev=want.rev)
        if not want_signature_agrees(want, self._gateway, self._key):
            return _error("bad_signature", rev=want.rev)
        if self._in_force is not None and want.rev <= self._in_force.want.rev:
            in_force = self._in_force.want
            if want.rev < in_force.rev:
                return _error("rev_lower", rev=want.rev, in_force=in_force.rev)
            is_same = desired_hash(want.desired) == desired_hash(in_force.desired)
            return None if is_same else _error("rev_not_higher", rev=want.rev)
        try:
            await asyncio.to_thread(replace_whole, self._file, self._kept_text(payload))
        except OSError as error:
            return _error("not_kept", rev=want.rev, problem=error.strerror or str(error))
        self._in_force = _InForce(want=want, applied_ms=self._now_ms())
        _log.info("want applied", rev=want.rev, by=want.by)
        await self._renew_sun()
        return None

    def _kept_text(self, payload: bytes) -> str:
        """Return the file's content: when it was applied, and the want's own bytes."""
        return f"{self._now_ms() or 0}\n{payload.decode('utf-8')}"

    def _load(self) -> _InForce | None:
        try:
            head, _, body = self._file.read_text("utf-8").partition("\n")
            want = decode(body.encode(), Want, MAX_WANT_BYTES)
            applied_ms = int(head)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            # The centre sends it again with the next connection; until then the gateway's own file holds.
            _log.exception("kept want not usable", file=str(self._file), error=str(error))
            return None
        return _InForce(want=want, applied_ms=applied_ms or None)

    def _load_sun(self) -> SunTable | None:
        try:
            return SunTable.model_validate_json(self._sun_file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            _log.warning("kept sun table not usable", file=str(self._sun_file), error=str(error))
            return None

    async def _renew_sun(self) -> None:
        """Make the table anew where it is of another place, or has grown old; until then the sun is computed."""
        now_ms = self._now_ms()
        if now_ms is None:
            return
        place = self._place_of(self._desired())
        today = lighting_day(place.timezone, now_ms)
        if self._sun is not None and self._sun.is_of(place) and not _is_old(self._sun, today):
            return
        # From yesterday on: the lighting day of this morning began then.
        table = await asyncio.to_thread(sun_table, place, today - timedelta(days=1))
        try:
            await asyncio.to_thread(replace_whole, self._sun_file, table.model_dump_json())
        except OSError as error:
            _log.warning("sun table not kept", file=str(self._sun_file), error=str(error))
        self._sun = table
        self.on_change(self.going, self.limits)


def _is_old(table: SunTable, today: date) -> bool:
    first = date.fromisoformat(table.first_day)
    return not table.covers(today) or (today - first).days > SUN_RENEWED_DAYS
