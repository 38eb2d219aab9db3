"""One connection to the broker: built from the configuration, ended without leaving a socket behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from config.agent import Mqtt
from contract.batch import MAX_BATCH_BYTES
from edge_agent.shell.broker_problem import CredentialError

CONNECT_TIMEOUT_S: Final = 5.0
FALLBACK_TIMEOUT_S: Final = 1.5
"""A 3.1.1 broker may answer an MQTT 5 CONNECT with silence; only with `allow_mqtt311`."""
MAX_INCOMING: Final = 256
MQTT5: Final = aiomqtt.ProtocolVersion.V5
MQTT311: Final = aiomqtt.ProtocolVersion.V311


def client_keepalive_s(keepalive_s: int) -> int:
    """Return the keepalive for paho, which notices a dead peer after two of them and up to two seconds.

    A half-open connection is to be noticed within 1.5 times the configured keepalive.
    """
    return max(2, int((1.5 * keepalive_s - 2) / 2))


async def build_client(
    mqtt: Mqtt, *, gateway: str, protocol: aiomqtt.ProtocolVersion, will: aiomqtt.Will
) -> aiomqtt.Client:
    """Return a client that is not connected yet. Files are read again each time, so that they may be renewed.

    Raises:
        CredentialError: A password, certificate or key file cannot be used.
    """
    password, context = await asyncio.to_thread(read_secrets, mqtt)
    is_v5 = protocol == MQTT5
    properties = None
    if is_v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it without types
        properties.MaximumPacketSize = 2 * MAX_BATCH_BYTES
    keepalive_s = client_keepalive_s(mqtt.keepalive_s)
    client = aiomqtt.Client(
        mqtt.host,
        mqtt.port,
        identifier=gateway,
        username=mqtt.username,
        password=password,
        protocol=protocol,
        will=will,
        clean_session=None if is_v5 else True,
        # paho refuses the MQTT 5 flag on an older protocol, unless it is its own default.
        clean_start=True if is_v5 else MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
        keepalive=keepalive_s,
        timeout=FALLBACK_TIMEOUT_S if is_v5 and mqtt.allow_mqtt311 else CONNECT_TIMEOUT_S,
        tls_context=context,
        max_queued_incoming_messages=MAX_INCOMING,
        socket_options=(
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            # The kernel gives up on unacknowledged bytes by then, whatever its retransmission timer thinks.
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1500 * mqtt.keepalive_s)),
        ),
    )
    client.pending_calls_threshold = MAX_INCOMING
    return client


class _ClosedOnRefusal(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho forgets it then, and it would stay open until it is collected."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def read_secrets(mqtt: Mqtt) -> tuple[str | None, ssl.SSLContext | None]:
    """Return the password and the TLS context of a configuration.

    Raises:
        CredentialError: A file cannot be used.
    """
    password = _password(mqtt.password_file) if mqtt.password_file else None
    tls = mqtt.tls
    if tls is None:
        return password, None
    with _naming(tls.ca_file):
        context = ssl.create_default_context(cafile=str(tls.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosedOnRefusal
    if tls.cert_file is not None and tls.key_file is not None:
        for file in (tls.cert_file, tls.key_file):
            with _naming(file):
                file.open("rb").close()
        with _naming(tls.cert_file, tls.key_file):
            # Without a password of its own OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(str(tls.cert_file), str(tls.key_file), password="")
    return password, context


def _password(file: Path) -> str:
    with _naming(file):
        text = file.read_text("utf-8")
    return text.split("\n", 1)[0].removesuffix("\r")


@contextlib.contextmanager
def _naming(*files: Path) -> Iterator[None]:
    """Let an error of a file carry its name, which OpenSSL leaves out."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CredentialError(f"{', '.join(map(str, files))}: {why}") from None


def end_wait(client: aiomqtt.Client, error: aiomqtt.MqttError) -> None:
    """End the wait for CONNACK, if it still lasts, when the connection is gone: aiomqtt waits for its time-out."""
    connected = client._connected  # noqa: SLF001 - aiomqtt offers no other way to it
    if not connected.done():
        connected.set_exception(error)


async def connect(client: aiomqtt.Client) -> None:
    """Connect, and when cancelled wait for the thread that connects: its socket must not outlive the loop.

    Raises:
        aiomqtt.MqttError: The broker is away or refuses.
    """
    connecting = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(connecting)
    except asyncio.CancelledError:
        with contextlib.suppress(aiomqtt.MqttError, asyncio.CancelledError):
            await connecting
        raise


async def subscribe(client: aiomqtt.Client, topics: list[str], *, protocol: aiomqtt.ProtocolVersion) -> list[str]:
    """Subscribe with QoS 1 and retain-as-published; return the topics that were denied.

    Raises:
        aiomqtt.MqttError: The connection went.
    """
    if protocol == MQTT5:
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        codes = await client.subscribe([(topic, options) for topic in topics])
    else:
        codes = await client.subscribe([(topic, 1) for topic in topics])
    numbers = [code if isinstance(code, int) else code.value for code in codes]
    return [topic for topic, number in zip(topics, numbers, strict=True) if number >= 0x80]


async def end(client: aiomqtt.Client) -> None:
    """End a connection, polite if it still stands, and close its socket in any case."""
    with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
        await client.__aexit__(None, None, None)
    # aiomqtt leaves the socket to paho, and paho leaves it open when CONNACK never came or the peer is silent.
    paho = client._client  # noqa: SLF001 - aiomqtt offers no other way to it
    paho._sock_close()  # noqa: SLF001 - paho has no public way to close without waiting for the peer
    for future in (client._connected, client._disconnected):  # noqa: SLF001 - or asyncio reports them as never looked at
        if future.done() and not future.cancelled():
            future.exception()
    misc = client._misc_task  # noqa: SLF001 - it sleeps for up to a second after the socket is gone
    if misc is not None and not misc.done():
        misc.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await misc
