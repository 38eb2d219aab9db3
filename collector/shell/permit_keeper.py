"""Work permits that were opened at the centre: kept over restarts, and opened again where a gateway has lost one."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final

import structlog

from collector.core.order_book import Answer, AnswerState, Order
from collector.shell.command_service import CommandService
from collector.shell.command_store import AuditEntry, Permit
from collector.shell.lights_seen import LightsSeen

NOT_IN_FORCE: Final = frozenset({AnswerState.REJECTED, AnswerState.EXPIRED, AnswerState.WAITING, AnswerState.SENT})
AGAIN_AFTER_MS: Final = 60_000
"""A gateway that says it holds no permit, so long after it was opened, has lost it: a new card, or a restored one."""
AGAIN_PATIENCE_MS: Final = 300_000
FRESH_MS: Final = 60_000
_log = structlog.get_logger("collector.permits")


class PermitKeeper:
    """Works in the command service's thread.

    Whoever opened a permit at the centre closes it at the centre. One that ends on site is opened again: whether a hand
    or a lost memory ended it cannot be told from here, and people may be at the cable.
    """

    def __init__(self, *, service: CommandService, seen: LightsSeen, zone: tzinfo) -> None:
        """Take up the permits of an earlier run."""
        self._service = service
        self._seen = seen
        self._zone = zone
        self._permits = {(permit.gateway, permit.cabinet): permit for permit in service.store.permits()}
        self._again_ms: dict[str, int] = {}
        service.each_answer(self._hear)
        service.each_pass(self._look)

    def permit(self, gateway: str, cabinet: str) -> Permit | None:
        """Return the permit in force at a cabinet, as far as the centre opened it."""
        return self._permits.get((gateway, cabinet))

    def known(self, gateway: str, cabinet: str, now_ms: int) -> dict[str, int | str]:
        """Return what the alarms hear of a cabinet's permit."""
        permit = self.permit(gateway, cabinet)
        if permit is None:
            return {"permit_overdue": 0, "permit_told": ""}
        overdue = permit.until_ms is not None and now_ms > permit.until_ms
        return {"permit_overdue": int(overdue), "permit_told": self._told(permit)}

    def _told(self, permit: Permit) -> str:
        if permit.until_ms is None:
            return f"{permit.by} · {permit.reason}"[:200]
        until = datetime.fromtimestamp(permit.until_ms / 1000, UTC).astimezone(self._zone)
        return f"{permit.by} · {until:%d/%m %H:%M} · {permit.reason}"[:200]

    def _hear(self, order: Order, answer: Answer) -> None:
        if order.op != "permit":
            return
        places = [(answer.gateway, cabinet) for cabinet in answer.cabinets]
        if answer.state in NOT_IN_FORCE:
            # Known only now, after it was taken to be in force for want of an answer.
            refused = [
                place for place in places if place in self._permits and self._permits[place].order_id == order.id
            ]
            self._close(refused)
            return
        if not order.arguments["active"]:
            self._close(places)
            return
        permits = [
            Permit(
                gateway=gateway,
                cabinet=cabinet,
                order_id=order.id,
                by=order.by,
                reason=order.reason,
                until_ms=order.arguments.get("until"),
                opened_ms=order.created_ms,
            )
            for gateway, cabinet in places
        ]
        self._service.store.open_permits(permits)
        self._permits |= {(permit.gateway, permit.cabinet): permit for permit in permits}

    def _close(self, places: Iterable[tuple[str, str]]) -> None:
        closed = [place for place in places if place in self._permits]
        if closed:
            self._service.store.close_permits(closed)
        for place in closed:
            del self._permits[place]

    def _look(self, now_ms: int) -> None:
        under_way = {
            gateway for order in self._service.book.orders() if order.op == "permit" for gateway in order.answers
        }
        opened_ms = {(permit.gateway, permit.order_id): permit.opened_ms for permit in self._permits.values()}
        for (gateway, order_id), at_ms in opened_ms.items():
            since_ms = max(at_ms, self._again_ms.get(gateway, 0))
            waits = gateway in under_way or now_ms - since_ms < AGAIN_AFTER_MS
            if not waits and self._is_lost(gateway, since_ms, now_ms):
                self._again_ms[gateway] = now_ms
                self._open_again(order_id, gateway, now_ms)

    def _is_lost(self, gateway: str, since_ms: int, now_ms: int) -> bool:
        """Return whether a gateway that is there says, well after the permit was sent, that it holds none."""
        at_ms, values = self._seen.values(gateway)
        if at_ms is None or now_ms - at_ms > FRESH_MS or at_ms < since_ms:
            return False
        held = values.get("permit")
        return self._service.book.is_connected(gateway) and held is not None and not held

    def _open_again(self, order_id: str, gateway: str, now_ms: int) -> None:
        before = self._service.store.order(order_id)
        answer = before.answers.get(gateway) if before else None
        if before is None or answer is None:
            return
        arguments = dict(before.arguments)
        again = Order(
            id=self._service.draw_id(),
            op="permit",
            arguments=arguments,
            reason=before.reason,
            by=before.by,
            created_ms=now_ms,
            not_after_ms=now_ms + AGAIN_PATIENCE_MS,
            answers={
                gateway: Answer(gateway=gateway, circuits=answer.circuits, cabinets=answer.cabinets, changed_ms=now_ms)
            },
        )
        facts = {"order": again.id, "instead_of": order_id, "gateway": gateway, "cabinets": list(answer.cabinets)}
        entry = AuditEntry(at_ms=now_ms, user=before.by, account="", action="permit_again", facts=facts)
        _log.warning("gateway has lost a work permit: opened again", gateway=gateway, id=again.id, by=before.by)
        self._service.take(again, secrets.token_hex(16), entry)
