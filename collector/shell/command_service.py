"""The command service: one thread that judges orders, writes them down, sends them and collects the answers."""

from __future__ import annotations

import collections
import functools
import secrets
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from pydantic import ValidationError

from collector.core.order_book import Answer, AnswerState, Order, OrderBook, Sending
from collector.core.order_id import OrderIds
from collector.core.token_bucket import TokenBucket
from collector.shell.command_answers import CommandAnswers, ended_entry
from collector.shell.command_keys import CommandKeys
from collector.shell.command_message import signed_command
from collector.shell.command_store import AuditEntry, CommandStore
from collector.shell.metrics import Metrics
from collector.shell.refusal import Refused
from collector.shell.security_events import SecurityEvents
from contract.command import Result
from contract.state import Online

MAX_RESULTS: Final = 20_000
"""Results that wait for this thread; who is left out is asked again."""
RESULTS_PER_S: Final = 20.0
RESULT_BURST: Final = 200.0
MAX_REQUESTS: Final = 64
SENDINGS_A_PASS: Final = 500
PASS_TIMEOUT_S: Final = 0.25
REQUEST_TIMEOUT_S: Final = 20.0
_log = structlog.get_logger("collector.commands")


@dataclass(slots=True)
class _Request:
    body: dict[str, Any]
    account: str
    answer: dict[str, Any] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)
    given_up: bool = False


Handler = Callable[[dict[str, Any], str], dict[str, Any]]


def _no_such_request(_body: dict[str, Any], _account: str) -> dict[str, Any]:
    raise Refused("no_such_request")


class CommandService:
    """Owns commands.db and the orders under way. `heard_…` and `ask` may be called from any thread."""

    def __init__(
        self,
        *,
        store: CommandStore,
        keys: CommandKeys,
        events: SecurityEvents,
        metrics: Metrics,
        root: str,
        gateways: frozenset[str],
        publish: Callable[[str, bytes], bool],
        now_ms: Callable[[], int],
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        """Take up the orders of an earlier run.

        Args:
            store: Used by this service's thread alone from now on, closed at the end.
            keys: Of the gateways.
            events: For the analysts.
            metrics: What is counted.
            root: The topic tree's.
            gateways: Those of the inventory: nobody else's words matter.
            publish: Sends a message that is worth nothing later; False if it was dropped.
            now_ms: The wall clock, milliseconds since 1970 UTC.
            random_bits: For ids.
        """
        self.store = store
        self.keys = keys
        self.events = events
        self.book = OrderBook(store.open_orders())
        self.now_ms = now_ms
        self._answers = CommandAnswers(book=self.book, store=store, events=events, metrics=metrics, now_ms=now_ms)
        self._ids = OrderIds(store.newest_id())
        self._random_bits = random_bits
        self._metrics = metrics
        self._root = root
        self._gateways = gateways
        self._publish = publish
        self._handlers: dict[str, Handler] = {}
        self._passes: list[Callable[[int], None]] = []
        self._ready = threading.Condition()
        self._onlines: collections.OrderedDict[str, str | None] = collections.OrderedDict()
        self._results: collections.deque[tuple[str, Result]] = collections.deque()
        self._others: collections.OrderedDict[tuple[str, str], Callable[[], None]] = collections.OrderedDict()
        self._requests: collections.deque[_Request] = collections.deque()
        self._buckets: dict[str, TokenBucket] = {}
        self._lost = False
        self._closed = False
        self._trouble = self._failed = ""
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    # --- from any thread ---

    @property
    def trouble(self) -> str:
        """Why orders are not kept at present; empty while they are."""
        return self._trouble

    @property
    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread.is_alive()

    def heard_online(self, gateway: str, online: Online) -> None:
        """Take what a gateway or its last will says of its connection."""
        if gateway in self._gateways:
            with self._ready:
                self._onlines[gateway] = online.nonce if online.online else None
                self._ready.notify()

    def heard_result(self, gateway: str, result: Result) -> None:
        """Take what a gateway says of a command."""
        bucket = self._buckets.get(gateway)
        if bucket is None:
            if gateway not in self._gateways:
                self._metrics.add("command_results_odd")
                return
            bucket = self._buckets[gateway] = TokenBucket(per_s=RESULTS_PER_S, burst=RESULT_BURST)
        if not bucket.take(self.now_ms()):
            self._metrics.add("command_results_flood")
            return
        with self._ready:
            if len(self._results) < MAX_RESULTS:
                self._results.append((gateway, result))
                self._ready.notify()
            else:
                self._metrics.add("command_results_flood")

    def call_soon(self, what: str, gateway: str, call: Callable[[], None]) -> None:
        """Let this service's thread do something; of each kind and gateway only the newest."""
        if gateway in self._gateways:
            with self._ready:
                self._others[what, gateway] = call
                self._ready.notify()

    def disconnected(self) -> None:
        """The broker is gone: every gateway's connection is told again with the next one."""
        with self._ready:
            self._lost = True
            self._onlines.clear()
            self._ready.notify()

    def ask(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        """Let the service answer a request of the command line, and wait for it.

        Args:
            body: As it came, of any shape.
            account: The account of the operating system that asks.
        """
        request = _Request(body, account)
        with self._ready:
            if self._closed or len(self._requests) >= MAX_REQUESTS:
                return {"error": "busy"}
            self._requests.append(request)
            self._ready.notify()
        if not request.done.wait(REQUEST_TIMEOUT_S):
            request.given_up = True
            return {"error": "busy"}
        return request.answer

    # --- wiring, before `start` ---

    def handle(self, name: str, handler: Handler) -> None:
        """Let a handler answer the requests that ask to `do` this."""
        self._handlers[name] = handler

    def each_pass(self, step: Callable[[int], None]) -> None:
        """Let something be done with every pass; it is given the time."""
        self._passes.append(step)

    def each_answer(self, hear: Callable[[Order, Answer], None]) -> None:
        """Let something be done whenever a gateway's part of an order has changed by its word, or by our giving up."""
        self._answers.heard_by.append(hear)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the pass that runs, and end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread.ident is not None:
            self._thread.join(5.0)
        self.events.flush()
        for request in self._requests:
            request.answer = {"error": "busy"}
            request.done.set()
        self.store.close()

    # --- in its own thread ---

    def step(self, timeout_s: float = PASS_TIMEOUT_S) -> None:
        """Do what waits: connections, results, requests, what is due to be sent, what is past its time."""
        with self._ready:
            if not (self._onlines or self._results or self._requests or self._others or self._lost or self._closed):
                self._ready.wait(timeout_s)
            onlines, self._onlines = self._onlines, collections.OrderedDict()
            results, self._results = self._results, collections.deque()
            others, self._others = self._others, collections.OrderedDict()
            requests, self._requests = self._requests, collections.deque()
            lost, self._lost = self._lost, False
        self._failed = ""
        if lost:
            self.book.lost_broker()
        for gateway, nonce in onlines.items():
            self.book.presence(gateway, nonce)
        for call in others.values():
            self._guarded(call)
        self._guarded(lambda: self._answers.take(results))
        for request in requests:
            self._answer(request)
        now_ms = self.now_ms()
        self._guarded(lambda: self._give_up(now_ms))
        self._guarded(lambda: self._send(now_ms))
        self._guarded(self._end_orders)
        for step in self._passes:
            self._guarded(functools.partial(step, now_ms))
        self.events.flush()
        self._trouble = self._failed

    def take(self, order: Order, token: str, entry: AuditEntry) -> None:
        """Take a new order: first onto the disk with its audit entry, then under way.

        Raises:
            sqlite3.Error: It could not be kept; nothing is sent.
        """
        self.store.add_order(order, token, entry)
        self.book.add(order)
        told = f"{order.op} {order.id} {len(order.answers)} gateways: {order.reason}"
        self.events.note("cmd_exec", user=order.by, detail=told)

    def draw_id(self) -> str:
        """Return a new order's id."""
        return self._ids.draw(self.now_ms(), self._random_bits(80))

    def _run(self) -> None:
        while not self._closed:
            try:
                self.step()
            except Exception:  # noqa: BLE001 - other orders depend on the next pass
                self._metrics.add("handler_errors")
                _log.exception("pass of the command service failed")

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except sqlite3.Error as error:
            self._metrics.add("command_store_failed")
            if not self._trouble:
                _log.error("orders cannot be kept", error=str(error))
            self._trouble = self._failed = f"commands.db: {error}"
        except Exception as error:  # noqa: BLE001 - other orders and other gateways depend on the rest of the pass
            self._metrics.add("handler_errors")
            if not self._trouble:
                _log.exception("part of a pass failed")
            self._trouble = self._failed = f"defect: {error!r}"[:300]

    def _answer(self, request: _Request) -> None:
        if request.given_up:
            return
        self._metrics.add("requests")
        try:
            handler = self._handlers.get(str(request.body.get("do", "")), _no_such_request)
            request.answer = handler(request.body, request.account)
        except Refused as refused:
            self._metrics.add("requests_denied")
            request.answer = {"error": refused.code, **refused.facts}
        except sqlite3.Error as error:
            self._metrics.add("command_store_failed")
            request.answer = {"error": "not_kept", "why": str(error)}
        except Exception as error:  # noqa: BLE001 - a request's defect must not end the service
            self._metrics.add("handler_errors")
            _log.exception("request failed")
            request.answer = {"error": "defect", "why": repr(error)[:200]}
        finally:
            request.done.set()

    def _give_up(self, now_ms: int) -> None:
        given_up = {id(answer) for answer in self.book.tick(now_ms)}
        if not given_up:
            return
        changed: dict[str, list[Answer]] = {}
        for order in self.book.orders():
            answers = [answer for answer in order.answers.values() if id(answer) in given_up]
            if answers:
                changed[order.id] = answers
        entries = [ended_entry(name, answer, now_ms) for name, answers in changed.items() for answer in answers]
        self.store.save_answers(changed, entries)
        for name, answers in changed.items():
            order_of = self.book.order(name)
            if order_of is not None:
                for answer in answers:
                    self._answers.told(order_of, answer)

    def _send(self, now_ms: int) -> None:
        due: list[Sending] = []
        for sending in self.book.due(now_ms):
            if len(due) >= SENDINGS_A_PASS:
                break
            due.append(sending)
        if not due:
            return
        messages: list[tuple[str, bytes]] = []
        changed: dict[str, list[Answer]] = {}
        for sending in due:
            key = self.keys.key(sending.answer.gateway)
            if key is None:
                if sending.answer.sent == 0:
                    sending.answer.state, sending.answer.reason = AnswerState.REJECTED, "no_key"
                    sending.answer.changed_ms = now_ms
                    changed.setdefault(sending.order.id, []).append(sending.answer)
                continue
            try:
                messages.append(signed_command(sending, key, self._root))
            except ValidationError as error:
                # More circuits than a command may name, or names that no gateway can have: it would never go out.
                _log.error(
                    "order cannot be sent", id=sending.order.id, gateway=sending.answer.gateway, error=str(error)
                )
                sending.answer.state, sending.answer.reason = AnswerState.REJECTED, "cannot_be_sent"
                sending.answer.changed_ms = now_ms
                changed.setdefault(sending.order.id, []).append(sending.answer)
                continue
            self.book.sent(sending, now_ms)
            changed.setdefault(sending.order.id, []).append(sending.answer)
        # Before it goes out: after a crash in between, an answer to it must not look like a forged one.
        ended = [(sending.order, sending.answer) for sending in due if sending.answer.ended]
        self.store.save_answers(changed, [ended_entry(order.id, answer, now_ms) for order, answer in ended])
        for topic, payload in messages:
            self._publish(topic, payload)
        for order, answer in ended:
            self._answers.told(order, answer)
        self._metrics.add("commands_sent", len(messages))

    def _end_orders(self) -> None:
        ended = self.book.take_ended()
        if ended:
            self.store.end_orders(order.id for order in ended)
            for order in ended:
                counts = {str(state): count for state, count in order.counts().items() if count}
                _log.info("order ended", id=order.id, op=order.op, by=order.by, **counts)
