"""What gateways say of commands: written down, told to analysts, and whatever fits no command of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from collector.core.order_book import Answer, AnswerState, Order, OrderBook
from collector.shell.command_store import AuditEntry, CommandStore
from collector.shell.metrics import Metrics
from collector.shell.security_events import SecurityEvents
from contract.command import Result

_log = structlog.get_logger("collector.commands")


class CommandAnswers:
    """Works in the command service's thread.

    Attributes:
        heard_by: Called whenever a gateway's part of an order has changed by its word, or by our giving up.
    """

    def __init__(
        self,
        *,
        book: OrderBook,
        store: CommandStore,
        events: SecurityEvents,
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> None:
        """Prepare."""
        self.heard_by: list[Callable[[Order, Answer], None]] = []
        self._book = book
        self._store = store
        self._events = events
        self._metrics = metrics
        self._now_ms = now_ms

    def take(self, results: Iterable[tuple[str, Result]]) -> None:
        """Take what gateways said, write down what changed by it, and tell."""
        changed: dict[str, list[Answer]] = {}
        entries: list[AuditEntry] = []
        now_ms = self._now_ms()
        for gateway, result in results:
            told = self._book.result(gateway, result, now_ms)
            if isinstance(told, str):
                self._odd(gateway, result, told)
            elif told is not None:
                changed.setdefault(result.id, []).append(told)
                if told.ended:
                    entries.append(ended_entry(result.id, told, now_ms))
        if not changed:
            return
        self._store.save_answers(changed, entries)
        for order_id, answers in changed.items():
            order = self._book.order(order_id)
            if order is not None:
                for answer in answers:
                    self.told(order, answer)

    def _odd(self, gateway: str, result: Result, told: str) -> None:
        if told == "unknown_id" and self._is_late(gateway, result):
            return
        self._metrics.add("command_results_odd")
        self._events.note("reading_forged", gateway=gateway, reason=told, detail=f"{result.id} {result.state}")
        _log.warning("result of no command of ours", gateway=gateway, id=result.id, reason=told)

    def _is_late(self, gateway: str, result: Result) -> bool:
        """Whether it is the repeated end of an order that is on record; a late one after we gave up is kept."""
        order = self._store.order(result.id)
        answer = order.answers.get(gateway) if order else None
        if order is None or answer is None or answer.sent == 0:
            return False
        if answer.state is AnswerState.UNKNOWN and result.state != "accepted":
            answer.state, answer.reason = AnswerState(result.state.value), result.reason
            answer.changed_ms = self._now_ms()
            self._store.save_answers({result.id: [answer]}, [ended_entry(result.id, answer, answer.changed_ms)])
            self.told(order, answer)
            return True
        return result.state.value in {answer.state.value, "accepted"}

    def told(self, order: Order, answer: Answer) -> None:
        """Tell analysts of an end, and everybody else of a change."""
        if answer.ended:
            is_refused = answer.state is AnswerState.REJECTED
            self._events.note(
                "cmd_reject" if is_refused else "cmd_result",
                gateway=answer.gateway,
                reason=answer.reason or str(answer.state),
                user=order.by,
                detail=f"{order.op} {order.id} {answer.state}",
            )
        for hear in self.heard_by:
            hear(order, answer)


def ended_entry(order_id: str, answer: Answer, now_ms: int) -> AuditEntry:
    """Return what the audit says of the end of a gateway's part."""
    facts: Mapping[str, Any] = {
        "order": order_id,
        "gateway": answer.gateway,
        "state": str(answer.state),
        "reason": answer.reason,
        "outcome": answer.outcome,
    }
    return AuditEntry(at_ms=now_ms, user="", account="", action="answered", facts=facts)
