"""The connection to the broker: kept up for ever, and no more than 20 unacknowledged messages in the client."""

from __future__ import annotations

import collections
import contextlib
import queue
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.core.token_bucket import TokenBucket
from collector.shell.broker_tls import TlsContext, tls_context
from collector.shell.metrics import Metrics
from config.agent import Mqtt

MAX_UNACKNOWLEDGED: Final = 20
"""The client sends all that it holds at a reconnect, whatever the broker's receive maximum is."""
MAX_PACKET_BYTES: Final = 4 * 1024 * 1024
MAX_RETAINED: Final = 100_000
MAX_TRANSIENT: Final = 10_000
DENIED_TOLD_S: Final = 60.0
"""How long a denied message is a trouble: others may be taken meanwhile, and a broker may end the connection."""
LOOP_PAUSE_S: Final = 1.0
FETCHES_PER_S: Final = 20.0
FETCH_BURST: Final = 10.0
"""Below what Mosquitto holds in flight for one client (20), so that what is fetched is not dropped once more."""
_FETCH_PAUSE_S: Final = 0.25
FALLBACK_S: Final = 3
RECONNECT_MIN_S: Final = 0.25
RECONNECT_MAX_S: Final = 2.0
_log = structlog.get_logger("collector.broker")


class Listener(Protocol):
    """Who is told; calls come from the network thread and must be short."""

    def message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take one message."""

    def connected(self) -> None:
        """All subscriptions stand."""

    def disconnected(self) -> None:
        """They stand no more."""


class Broker:
    """One clean session. A client of its own for each connection, so that nothing old is ever sent again."""

    def __init__(
        self, *, mqtt: Mqtt, client_id: str, filters: Sequence[str], listener: Listener, metrics: Metrics
    ) -> None:
        """Prepare; `start` connects."""
        self._mqtt = mqtt
        self._client_id = client_id
        self._filters = tuple(filters)
        self._listener = listener
        self._metrics = metrics
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._client: paho.Client | None = None
        self._subscribed = False
        self._trouble = ""
        self._denied = ""
        self._denied_s = 0.0
        self._refusal = ""
        self._silence = ""
        self._tls: TlsContext | None = None
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._retained: collections.OrderedDict[str, bytes | None] = collections.OrderedDict()
        self._transient: collections.deque[tuple[str, bytes]] = collections.deque()
        self._urgent: collections.deque[tuple[str, bytes]] = collections.deque()
        self._fetches: collections.OrderedDict[str, None] = collections.OrderedDict()
        self._fetch_bucket = TokenBucket(per_s=FETCHES_PER_S, burst=FETCH_BURST)
        self._subscription = 0
        self._acknowledged: queue.SimpleQueue[tuple[paho.Client, int]] = queue.SimpleQueue()
        self._threads = (
            threading.Thread(target=self._stay_connected, name="broker", daemon=True),
            threading.Thread(target=self._publish_waiting, name="publisher", daemon=True),
        )

    @property
    def is_connected(self) -> bool:
        """True while the broker has accepted all subscriptions."""
        return self._subscribed

    @property
    def trouble(self) -> str:
        """Why there is no connection, or what the broker denies on it, in words; empty while all is well."""
        is_recent = time.monotonic() - self._denied_s < DENIED_TOLD_S
        return self._trouble or (self._denied if is_recent else "")

    @property
    def is_alive(self) -> bool:
        """True while its threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Connect, now or whenever the broker comes up."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Disconnect; what still waits to be published is given up."""
        self._stopping.set()
        self._wake.set()
        client = self._client
        if client is not None:
            client.disconnect()
        for thread in self._threads:
            thread.join(timeout_s)

    def publish_retained(self, topic: str, payload: bytes | None) -> None:
        """Set a retained topic (None clears it); kept until a broker has it, the newest for each topic."""
        with self._lock:
            self._retained.pop(topic, None)
            self._retained[topic] = payload
            if len(self._retained) > MAX_RETAINED:
                self._retained.popitem(last=False)
                self._metrics.add("publishes_dropped")
        self._wake.set()

    def publish(self, topic: str, payload: bytes, *, first: bool = False) -> bool:
        """Send a message that is worth nothing later; False if it was dropped.

        Args:
            topic: Not retained.
            payload: What it carries.
            first: Before all others that wait: a person waits for a command, and confirms come by thousands.
        """
        waiting = self._urgent if first else self._transient
        with self._lock:
            if not self._subscribed or len(waiting) >= MAX_TRANSIENT:
                self._metrics.add("publishes_dropped")
                return False
            waiting.append((topic, payload))
        self._wake.set()
        return True

    def fetch_retained(self, topic: str) -> None:
        """Ask once more for a retained message: a broker drops those that do not fit into its queue for us.

        Mosquitto sends all of them at once and keeps 1,020 by default.
        """
        with self._lock:
            if len(self._fetches) < MAX_TRANSIENT:
                self._fetches[topic] = None
        self._wake.set()

    def is_drained(self) -> bool:
        """Return whether nothing waits to be published."""
        with self._lock:
            return not self._transient and not self._urgent and not self._retained

    def _stay_connected(self) -> None:
        delay_s = RECONNECT_MIN_S
        while not self._stopping.is_set():
            reached = self._connect_once()
            delay_s = RECONNECT_MIN_S if reached else min(delay_s * 2, RECONNECT_MAX_S)
            # Jitter, so that all clients of a broker do not come back in one moment.
            self._stopping.wait(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing

    def _connect_once(self) -> bool:
        """Run one connection to its end; return whether its subscriptions ever stood."""
        client: paho.Client | None = None
        accepted = threading.Event()
        connects_before = self._metrics.value("connects")
        self._refusal = self._silence = ""
        try:
            client = self._new_client(accepted)
            self._client = client
            if self._stopping.is_set():
                return False
            options: dict[str, Any] = {}
            keepalive_s = self._mqtt.keepalive_s
            if self._protocol is MQTTProtocolVersion.MQTTv5:
                options["clean_start"] = True
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it bare
                properties.MaximumPacketSize = MAX_PACKET_BYTES
                options["properties"] = properties
                if self._mqtt.allow_mqtt311:
                    # A 3.1.1 broker may answer an MQTT 5 CONNECT with silence, which paho bears for one keepalive.
                    keepalive_s = min(keepalive_s, FALLBACK_S)
            client.connect(self._mqtt.host, self._mqtt.port, keepalive_s, **options)
            while client.loop(LOOP_PAUSE_S) is MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        except OSError as error:
            self._failed(f"{self._mqtt.host}:{self._mqtt.port}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever the peer makes the client raise, the next connection follows
            self._failed(f"{type(error).__name__}: {error}")
        else:
            if not accepted.is_set():
                refusal = self._refusal or (self._tls.refusal if self._tls else "") or self._silence
                self._failed(refusal or "the broker closed the connection before it accepted it")
                if self._mqtt.allow_mqtt311:
                    v5, v311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
                    self._protocol = v311 if self._protocol is v5 else v5
        finally:
            self._ended(client)
        return self._metrics.value("connects") > connects_before

    def _new_client(self, accepted: threading.Event) -> paho.Client:
        is_v5 = self._protocol is MQTTProtocolVersion.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if is_v5 else True,
            protocol=self._protocol,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(MAX_UNACKNOWLEDGED)
        if self._mqtt.username is not None:
            client.username_pw_set(self._mqtt.username, self._password())
        if self._mqtt.tls is not None:
            self._tls = tls_context(self._mqtt.tls)
            client.tls_set_context(self._tls)
        # With it paho leaves writing to its loop. Else the publisher would write to the socket while the loop does:
        # half-sent packets would mix, and OpenSSL allows one thread a connection.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = lambda c, _data, _flags, code, _properties: self._on_connect(c, code, accepted)
        client.on_subscribe = lambda c, _data, mid, codes, _properties: self._on_subscribe(c, mid, codes)
        client.on_message = lambda _client, _data, message: self._on_message(message)
        client.on_publish = lambda c, _data, mid, code, _properties: self._on_publish(c, mid, code)
        client.on_disconnect = lambda c, _data, _flags, code, _properties: self._on_disconnect(c, code)
        return client

    def _password(self) -> str | None:
        file = self._mqtt.password_file
        return file.read_text("utf-8").split("\n", 1)[0].strip() if file else None

    def _on_connect(self, client: paho.Client, code: ReasonCode, accepted: threading.Event) -> None:
        if code.is_failure:
            self._refusal = f"the broker refused the connection: {code}"
            client.disconnect()
            return
        accepted.set()
        result, mid = client.subscribe([(name, self._subscribe_options()) for name in self._filters])
        self._subscription = mid or 0
        if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            client.disconnect()

    def _subscribe_options(self) -> Any:
        """Retain as published: a retained batch must be seen as one, whenever it comes."""
        is_v5 = self._protocol is MQTTProtocolVersion.MQTTv5
        return SubscribeOptions(qos=1, retainAsPublished=True) if is_v5 else 1

    def _on_subscribe(self, client: paho.Client, mid: int, codes: list[ReasonCode]) -> None:
        if mid != self._subscription:
            return
        denied = [name for name, code in zip(self._filters, codes, strict=False) if code.is_failure]
        if denied:
            self._failed(f"the broker denied the subscription of {', '.join(denied)}")
            client.disconnect()
            return
        self._trouble = ""
        self._subscribed = True
        self._metrics.add("connects")
        _log.info("broker connected", host=self._mqtt.host, port=self._mqtt.port, protocol=self._protocol.name)
        self._wake.set()
        self._listener.connected()

    def _on_message(self, message: paho.MQTTMessage) -> None:
        # An exception here would end the network thread while the client still called itself connected.
        try:
            self._listener.message(message.topic, bytes(message.payload), retained=message.retain)
        except Exception:  # noqa: BLE001 - a poison message must not end the connection for all others
            self._metrics.add("handler_errors")
            _log.exception("message handler failed", topic=message.topic[:256])

    def _on_publish(self, client: paho.Client, mid: int, code: ReasonCode) -> None:
        if code.is_failure:
            self._metrics.add("publishes_denied")
            if not self._denied:
                _log.error("publish denied", code=str(code))
            # Confirms among them mean that no gateway ever hears what is stored, and all send it again for ever.
            self._denied = f"the broker denied a message of ours: {code}"
            self._denied_s = time.monotonic()
        self._acknowledged.put((client, mid))
        self._wake.set()

    def _on_disconnect(self, client: paho.Client, code: ReasonCode) -> None:
        if not self._subscribed and code == "Keep alive timeout":
            self._silence = f"{self._mqtt.host}:{self._mqtt.port} takes the connection but does not answer"
        if client is self._client and self._subscribed and not self._stopping.is_set():
            self._failed(f"the connection ended: {code}")

    def _failed(self, trouble: str) -> None:
        if self._trouble == "":
            _log.warning("broker lost", trouble=trouble)
        self._trouble = trouble

    def _ended(self, client: paho.Client | None) -> None:
        was_subscribed = self._subscribed
        with self._lock:
            self._subscribed = False
            # The next connection gets every retained message anyway; who misses one still asks again.
            self._fetches.clear()
            self._metrics.add("publishes_dropped", len(self._transient) + len(self._urgent))
            self._transient.clear()
            self._urgent.clear()
        self._client = None
        self._wake.set()
        if client is not None:
            with contextlib.suppress(Exception):
                client.disconnect()
                client.loop_write()
        if was_subscribed:
            self._listener.disconnected()

    def _publish_waiting(self) -> None:
        """Publish what waits; the only thread that does, so that every acknowledgement finds its message noted."""
        sent: dict[int, tuple[str, bytes | None] | None] = {}
        sent_by: paho.Client | None = None
        while not self._stopping.is_set():
            self._wake.wait(_FETCH_PAUSE_S if self._fetches else 1.0)
            self._wake.clear()
            with contextlib.suppress(queue.Empty):
                while True:
                    client, mid = self._acknowledged.get_nowait()
                    if client is sent_by:
                        sent.pop(mid, None)
            client_now = self._client if self._subscribed else None
            if client_now is not sent_by:
                self._take_back(sent)
                sent_by = client_now
            while client_now is not None and len(sent) < MAX_UNACKNOWLEDGED:
                if not self._publish_next(client_now, sent):
                    break
            if client_now is not None:
                self._fetch_next(client_now)

    def _fetch_next(self, client: paho.Client) -> None:
        """Subscribe by name, which lets the broker send what it retains, and take it back at once."""
        while True:
            with self._lock:
                if not self._fetches or not self._fetch_bucket.take(time.monotonic_ns() // 1_000_000):
                    return
                topic, _ = self._fetches.popitem(last=False)
            client.subscribe([(topic, self._subscribe_options())])
            client.unsubscribe(topic)
            self._metrics.add("retained_fetched")

    def _publish_next(self, client: paho.Client, sent: dict[int, tuple[str, bytes | None] | None]) -> bool:
        with self._lock:
            retained: tuple[str, bytes | None] | None = None
            payload: bytes | None
            if self._urgent:
                topic, payload = self._urgent.popleft()
            elif self._retained:
                retained = self._retained.popitem(last=False)
                topic, payload = retained
            elif self._transient:
                topic, payload = self._transient.popleft()
            else:
                return False
        info = client.publish(topic, payload, qos=1, retain=retained is not None)
        sent[info.mid] = retained
        return True

    def _take_back(self, sent: dict[int, tuple[str, bytes | None] | None]) -> None:
        """Let retained messages that no broker acknowledged wait again, unless something newer does."""
        with self._lock:
            for message in sent.values():
                if message is not None and message[0] not in self._retained:
                    self._retained[message[0]] = message[1]
        sent.clear()
