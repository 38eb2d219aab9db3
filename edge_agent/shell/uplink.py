"""The gateway's connection to the broker: it comes back by itself, and says what was denied."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from random import SystemRandom
from typing import Any, Final, Protocol

import aiomqtt
import structlog
from paho.mqtt.enums import LogLevel

from config.agent import Mqtt
from contract.codec import PayloadError, decode, encode
from contract.state import Online
from contract.topics import GatewayTopics
from edge_agent.core.backoff import backoff_s
from edge_agent.shell import uplink_session
from edge_agent.shell.broker_problem import BrokerProblem, problem_in_log, problem_of
from edge_agent.shell.uplink_session import MQTT5, MQTT311

_log = structlog.get_logger(__name__)

MAX_IN_CLIENT: Final = 20
"""Messages that wait for their PUBACK: paho sends all it holds in one burst, and brokers limit what they receive."""
LONGEST_PAUSE_S: Final = 2.0
STEADY_S: Final = 10.0
"""A connection that stood this long was a good one: the next attempt comes at once."""
_SESSION_TAKEN_OVER: Final = 142
_MAX_DENIED_NAMES: Final = 256


class EndedByBrokerError(aiomqtt.MqttError):
    """The broker ended the connection before it had accepted it."""

    def __init__(self, said: str) -> None:
        """Take what paho's log said last, such as the alert with which a certificate was refused."""
        super().__init__(said or "the broker closed the connection before it accepted it")


class UplinkListener(Protocol):
    """Who is told what the connection brings; all calls come on the event loop and must not block."""

    def connected(self) -> None:
        """A connection stands, presence and subscriptions are sent."""

    def disconnected(self) -> None:
        """It went."""

    def confirm_received(self, payload: bytes, *, retained: bool) -> None:
        """A message on `down/confirm`."""

    def command_received(self, payload: bytes, *, retained: bool) -> None:
        """A message on `down/cmd`."""

    def want_received(self, payload: bytes) -> None:
        """A message on `down/want`, where the newest is retained."""


class Uplink:
    """One MQTT connection after the other.

    Attributes:
        nonce: Drawn at each connection; None without one.
        reason: Why there is no connection, None while there is one.
        problem: The same as one word.
        metrics: Counted since the start: connects, published, acknowledged, publish_denied, session_takeovers …
        denied: (topic, reason) to how often the broker denied a publish.
    """

    def __init__(
        self, *, mqtt: Mqtt, topics: GatewayTopics, software: str, now_ms: Callable[[], int], listener: UplinkListener
    ) -> None:
        """Prepare; `run` connects.

        Args:
            mqtt: The broker.
            topics: Of this gateway.
            software: The agent's version.
            now_ms: Milliseconds since 1970 UTC, for `since` of `state/online`.
            listener: Who is told.
        """
        self._mqtt = mqtt
        self._topics = topics
        self._software = software
        self._now_ms = now_ms
        self._listener = listener
        self._client: aiomqtt.Client | None = None
        self._pending: dict[int, tuple[str, float]] = {}
        self._random = SystemRandom()
        self._protocol = MQTT5
        self._since_ms = 0
        self._told_online_s = 0.0
        self._drawn: deque[str] = deque(maxlen=64)
        self._foreign_nonce: str | None = None
        self.nonce: str | None = None
        self.reason: str | None = "not connected yet"
        self.problem: BrokerProblem | None = None
        self.metrics: Counter[str] = Counter()
        self.denied: Counter[tuple[str, str]] = Counter()
        self.is_connected = asyncio.Event()

    @property
    def address(self) -> str:
        """Where the broker is."""
        return f"{self._mqtt.host}:{self._mqtt.port}"

    @property
    def room(self) -> int:
        """How many messages can be published now."""
        return MAX_IN_CLIENT - len(self._pending) if self._client is not None else 0

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker with QoS 1; return False if there is no connection or no room."""
        if self._client is None or len(self._pending) >= MAX_IN_CLIENT:
            return False
        # aiomqtt's publish waits for the PUBACK and hides its reason code; paho's gives both to `_acknowledged`.
        info = self._client._client.publish(topic, payload, 1, retain)  # noqa: SLF001 - see above
        if info.rc != 0:
            self.metrics["publish_failed"] += 1
            return False
        self._pending[info.mid] = (topic, time.monotonic())
        self.metrics["published"] += 1
        return True

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        attempt = 0
        while True:
            begun_s = time.monotonic()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, ssl.SSLError, ValueError) as error:
                self._lost(error)
            if time.monotonic() - begun_s > STEADY_S:
                attempt = 0
            pause_s = backoff_s(attempt, first_s=0.1, longest_s=LONGEST_PAUSE_S, fraction=self._random.random())
            attempt += 1
            await asyncio.sleep(pause_s)

    async def _session(self) -> None:
        protocol = self._protocol
        nonce = secrets.token_hex(16)
        self._drawn.append(nonce)
        will = aiomqtt.Will(self._topics.online, self._presence(online=False, nonce=nonce), qos=1, retain=True)
        client = await uplink_session.build_client(
            self._mqtt, gateway=self._topics.gateway, protocol=protocol, will=will
        )
        self._watch_connection(client)
        try:
            try:
                await uplink_session.connect(client)
            except aiomqtt.MqttError:
                if self._mqtt.allow_mqtt311:
                    self._protocol = MQTT311 if protocol == MQTT5 else MQTT5
                raise
            client._client.on_publish = self._acknowledged  # noqa: SLF001 - the reason code, see `publish`
            wanted = [self._topics.confirm, self._topics.command, self._topics.want, self._topics.online]
            for topic in await uplink_session.subscribe(client, wanted, protocol=protocol):
                self._denied(topic, "subscription denied")
            self._begin(client, nonce)
            await self._read(client)
        except asyncio.CancelledError:
            self.publish(self._topics.online, self._presence(online=False, nonce=nonce), retain=True)
            raise
        finally:
            self._client, self.nonce = None, None
            self._pending.clear()
            if self.is_connected.is_set():
                self.is_connected.clear()
                self._listener.disconnected()
            await uplink_session.end(client)

    def _watch_connection(self, client: aiomqtt.Client) -> None:
        """Note the broker's own reason: aiomqtt forgets it when it comes before or right after CONNACK."""
        paho = client._client  # noqa: SLF001 - as in `publish`
        pass_on = paho.on_disconnect
        loop = asyncio.get_running_loop()
        said = ""

        def on_log(_client: object, _data: object, level: int, text: str) -> None:
            nonlocal said
            if level == LogLevel.MQTT_LOG_ERR:
                said = text

        def on_disconnect(*arguments: Any) -> None:
            if getattr(arguments[3], "value", None) == _SESSION_TAKEN_OVER:
                self._taken_over()
            # From here as well as from the thread that connects.
            loop.call_soon_threadsafe(uplink_session.end_wait, client, EndedByBrokerError(said))
            if pass_on is not None:
                pass_on(*arguments)

        paho.on_log = on_log
        paho.on_disconnect = on_disconnect

    def _begin(self, client: aiomqtt.Client, nonce: str) -> None:
        self._client, self._since_ms = client, self._now_ms()
        self._pending.clear()
        self.nonce = nonce
        self.metrics["connects"] += 1
        self.publish(self._topics.online, self._presence(online=True, nonce=nonce), retain=True)
        self._told_online_s = time.monotonic()
        self.reason = self.problem = None
        _log.info("broker_connected", host=self._mqtt.host, port=self._mqtt.port, protocol=self._protocol.name)
        self.is_connected.set()
        self._listener.connected()

    async def _read(self, client: aiomqtt.Client) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            async for message in client.messages:
                self._received(message)
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        """End a connection whose broker acknowledges nothing: half open, or hung."""
        while True:
            await asyncio.sleep(1.0)
            if not self._pending:
                continue
            _, oldest_s = next(iter(self._pending.values()))
            if time.monotonic() - oldest_s > self._mqtt.keepalive_s and self._client is not None:
                self.metrics["unacknowledged_timeouts"] += 1
                disconnected = self._client._disconnected  # noqa: SLF001 - ends aiomqtt's message iterator
                if not disconnected.done():
                    error = aiomqtt.MqttError(f"the broker acknowledged nothing for {self._mqtt.keepalive_s} s")
                    # As aiomqtt's own time-outs have it.
                    error.__context__ = TimeoutError()
                    disconnected.set_exception(error)
                return

    def _received(self, message: aiomqtt.Message) -> None:
        topic = str(message.topic)
        payload = bytes(message.payload)
        if topic == self._topics.confirm:
            self._listener.confirm_received(payload, retained=bool(message.retain))
        elif topic == self._topics.command:
            self._listener.command_received(payload, retained=bool(message.retain))
        elif topic == self._topics.want:
            self._listener.want_received(payload)
        elif topic == self._topics.online:
            self._seen_online(payload)

    def _seen_online(self, payload: bytes) -> None:
        """Contradict a last will of an earlier connection that arrived after this one began."""
        try:
            seen = decode(payload, Online, max_bytes=4096)
        except PayloadError:
            self.metrics["online_invalid"] += 1
            return
        self._look_for_double(seen)
        is_ours = seen.online and seen.nonce == self.nonce
        # At most once a second: two gateways with one name would else do nothing but contradict each other.
        if not is_ours and not seen.online and time.monotonic() - self._told_online_s >= 1.0 and self.nonce:
            self._told_online_s = time.monotonic()
            self.metrics["online_contradicted"] += 1
            self.publish(self._topics.online, self._presence(online=True, nonce=self.nonce), retain=True)

    def _look_for_double(self, seen: Online) -> None:
        """Notice another gateway with this name: brokers before Mosquitto 2.1 take a session over without a word.

        The first nonce that was not drawn here may be that of this gateway's run before; a second one cannot.
        """
        if not seen.nonce or seen.nonce in self._drawn or seen.nonce == self._foreign_nonce:
            return
        if self._foreign_nonce is not None:
            self._taken_over()
        self._foreign_nonce = seen.nonce

    def _taken_over(self) -> None:
        self.metrics["session_takeovers"] += 1
        if self.metrics["session_takeovers"] == 1:
            _log.error("session_taken_over", gateway=self._topics.gateway)

    def _presence(self, *, online: bool, nonce: str) -> bytes:
        since_ms = self._since_ms if online else self._now_ms()
        return encode(Online(online=online, nonce=nonce, sw=self._software, since=since_ms))

    def _acknowledged(self, _client: object, _data: object, mid: int, reason_code: Any, _properties: object) -> None:
        topic, _ = self._pending.pop(mid, ("", 0.0))
        if reason_code is not None and reason_code.is_failure:
            self._denied(topic, str(reason_code))
        else:
            self.metrics["acknowledged"] += 1

    def _denied(self, topic: str, reason: str) -> None:
        self.metrics["publish_denied"] += 1
        if (topic, reason) not in self.denied:
            if len(self.denied) >= _MAX_DENIED_NAMES:
                return
            _log.error("publish_denied", topic=topic, reason=reason)
        self.denied[topic, reason] += 1

    def _lost(self, error: Exception) -> None:
        # aiomqtt's message iterator wraps what ended the connection.
        cause = error.__cause__ or error
        reason = str(cause) or type(cause).__name__
        problem = problem_in_log(reason) if isinstance(cause, EndedByBrokerError) else problem_of(cause)
        if (self.reason, self.problem) != (reason, problem):
            _log.warning("broker_lost", host=self._mqtt.host, port=self._mqtt.port, reason=reason, problem=problem)
        self.reason, self.problem = reason, problem
        self.metrics["connection_failures"] += 1
