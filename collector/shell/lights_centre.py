"""All that commands the lights, wired together: orders, calendars, what the lamps say, the control socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from collector.shell.command_keys import CommandKeys
from collector.shell.command_service import CommandService
from collector.shell.command_store import open_command_store
from collector.shell.control_socket import ControlSocket
from collector.shell.lights_seen import CONTROL, LightsSeen
from collector.shell.metrics import Metrics
from collector.shell.order_requests import OrderRequests
from collector.shell.own_evidence import OwnEvidence
from collector.shell.permit_keeper import PermitKeeper
from collector.shell.security_events import SecurityEvents
from collector.shell.store_queue import Pending
from collector.shell.want_desk import WantDesk
from collector.shell.want_requests import WantRequests
from config.city import City
from config.collector import CollectorConfig
from contract.batch import Batch
from contract.command import Result
from contract.lights import Calendar
from contract.state import Online
from contract.want import WantReport

SOCKET_NAME: Final = "control.sock"


class MakeLights(Protocol):
    """Makes the lights' centre once there is a broker and a store to speak to."""

    def __call__(
        self,
        *,
        publish: Callable[[str, bytes], bool],
        publish_retained: Callable[[str, bytes | None], None],
        put: Callable[[Pending], bool],
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> LightsCentre:
        """Return a centre that has not started."""


class LightsCentre:
    """What the collector's other threads tell goes to the thread of the command service."""

    def __init__(
        self,
        *,
        config: CollectorConfig,
        city: City,
        evidence: OwnEvidence,
        publish: Callable[[str, bytes], bool],
        publish_retained: Callable[[str, bytes | None], None],
        put: Callable[[Pending], bool],
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> None:
        """Open commands.db and the socket; nothing runs before `start`.

        Raises:
            sqlite3.Error: commands.db cannot be used.
            OSError, KeyError: The socket or its group cannot be used.
        """
        self._seen = LightsSeen()
        self._gateways = frozenset(cabinet.gateway for cabinet in city.cabinets)
        root = config.mqtt.root
        store = open_command_store(config.state_dir)
        try:
            self.service = CommandService(
                store=store,
                keys=CommandKeys(config.commands.keys_folder),
                events=SecurityEvents(put, metrics, now_ms),
                metrics=metrics,
                root=root,
                gateways=self._gateways,
                publish=publish,
                now_ms=now_ms,
            )
            permits = PermitKeeper(service=self.service, seen=self._seen, zone=ZoneInfo(city.place.timezone))
            requests = OrderRequests(
                city=city, config=config.commands, service=self.service, seen=self._seen, permits=permits
            )
            self.wants = WantDesk(
                service=self.service,
                city=city,
                permits=permits,
                metrics=metrics,
                root=root,
                publish_retained=publish_retained,
                evidence=evidence,
            )
            WantRequests(service=self.service, requests=requests, desk=self.wants)
            self.socket = ControlSocket(
                config.commands.socket or config.state_dir / SOCKET_NAME,
                group=config.commands.socket_group,
                answer=self.service.ask,
            )
        except BaseException:
            store.close()
            raise

    @property
    def trouble(self) -> str:
        """Why orders are not kept at present; empty while they are."""
        return self.service.trouble

    @property
    def is_alive(self) -> bool:
        """True while its threads run."""
        return self.service.is_alive and self.socket.is_alive

    def start(self) -> None:
        """Begin to send, and to listen."""
        self.service.start()
        self.socket.start()

    def stop(self) -> None:
        """Take no more requests, and end."""
        self.socket.stop()
        self.service.stop()

    def calendar_of(self, gateway: str) -> Calendar | None:
        """Return the calendar of ours that a gateway said it runs by, None: none of ours."""
        return self.wants.calendar_of(gateway)

    def heard_online(self, gateway: str, online: Online) -> None:
        """Take what a gateway or its last will says of its connection."""
        self.service.heard_online(gateway, online)

    def heard_result(self, gateway: str, result: Result) -> None:
        """Take what a gateway says of a command."""
        self.service.heard_result(gateway, result)

    def heard_want(self, gateway: str, report: WantReport, received_ms: int) -> None:
        """Take what a gateway says it runs by."""
        self.wants.heard_want(gateway, report, received_ms)

    def heard_batch(self, gateway: str, batch: Batch) -> None:
        """Take what a batch says of the lights."""
        columns = batch.d.get(CONTROL)
        if columns is not None and gateway in self._gateways:
            self._seen.read(gateway, columns)

    def connected(self) -> None:
        """The broker is there again."""
        self.wants.connected()

    def disconnected(self) -> None:
        """It is not."""
        self.service.disconnected()
