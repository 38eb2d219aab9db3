"""The collector's configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from config.agent import Mqtt
from config.loader import At, StrictModel, refuse, twice
from config.points import Name
from config.texts import TEXTS


class SqliteStore(StrictModel):
    """The embedded store: one file, no server.

    Attributes:
        kind: Which store this is.
        file: The database; in state_dir if not set.
        retention_days: Older readings are removed.
    """

    kind: Literal["sqlite"]
    file: Path | None = None
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 7


class InfluxStore(StrictModel):
    """InfluxDB 1.x over /write; 2.x and 3 will be profiles of the same writer.

    Attributes:
        kind: Which store this is.
        url: http://host:port or https://host:port.
        database: Its name there.
        retention_policy: The database's default if not set.
        username: If the database asks for one.
        password_file: Its first line is the password.
        ca_file: Certificates (PEM) of the authority that signed the server's; those of the system if not set.
        batch_rows: Most lines of one request.
        batch_interval_s: Longest time that a line waits for others.
        timeout_s: How long a request may take.
    """

    kind: Literal["influxdb1"]
    url: str
    database: Annotated[str, Field(min_length=1, max_length=64)]
    retention_policy: str | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    batch_rows: Annotated[int, Field(ge=1, le=10_000)] = 5000
    batch_interval_s: Annotated[float, Field(ge=0.01, le=60)] = 0.2
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str) -> str:
        try:
            is_possible = bool(urlsplit(url).hostname) and urlsplit(url).port != 0
        except ValueError:
            is_possible = False
        if not is_possible or not re.fullmatch(r"https?://[^/@?#\s]+(/[^?#\s]*)?", url):
            raise ValueError(TEXTS.text("store_url"))
        return url.rstrip("/")


Store = Annotated[SqliteStore | InfluxStore, Field(discriminator="kind")]


class Channel(StrictModel):
    """One way to reach a crew: an Apprise URL, in a file where it carries a secret.

    Attributes:
        url: An Apprise URL without a secret.
        url_file: A file whose first line is the Apprise URL.
    """

    url: str | None = None
    url_file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Channel:
        if (self.url is None) == (self.url_file is None):
            raise ValueError(TEXTS.text("one_url"))
        if self.url and re.search(r"//[^/]*:[^/]*@", self.url):
            raise At(("url",), TEXTS.text("url_password"))
        return self


class CrewChannels(StrictModel):
    """How one crew of the inventory is reached.

    Attributes:
        crew: The id of the crew.
        channels: Every one of them gets every message.
    """

    crew: Name
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=16)]


class Limits(StrictModel):
    """What bounds the collector's memory and disk.

    Attributes:
        ingest_messages: Messages that wait to be evaluated.
        store_batches: Evaluated batches that wait for the store; beyond it they stay with their gateways.
        gateways: Gateways that may speak.
        dead_letter_bytes: The file of lines that the store refuses.
    """

    ingest_messages: Annotated[int, Field(ge=10, le=1_000_000)] = 20_000
    store_batches: Annotated[int, Field(ge=10, le=1_000_000)] = 5_000
    gateways: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    dead_letter_bytes: Annotated[int, Field(ge=65_536, le=2**40)] = 256 * 1024 * 1024


Operation = Literal["switch", "permit", "calendar"]
"""What a user may do beside looking: switch lamps for a time, open and close work permits, publish calendars."""


class User(StrictModel):
    """Who may command which lights. Everybody who reaches the socket may look.

    Attributes:
        name: Stands in the audit, in commands and in messages to crews.
        accounts: The accounts of the operating system that are this person; by one of them the command line is known.
        operations: What the user may do.
        wards: Only cabinets of these wards; of the whole city if none and no feeder is named.
        feeders: Only cabinets on these feeders; with wards: of either.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
    accounts: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")], ...], Field(min_length=1, max_length=16)
    ]
    operations: Annotated[tuple[Operation, ...], Field(max_length=3)] = ()
    wards: tuple[Name, ...] = ()
    feeders: tuple[Name, ...] = ()


class Commands(StrictModel):
    """Who may command the lights, and how.

    Attributes:
        users: Without one, nobody may.
        keys_folder: The command key of each gateway, `<gateway>.key`: 32 bytes or more, raw or in hex, the same as on
            the gateway. A gateway without a key cannot be commanded.
        socket: Where `collector lights` reaches the collector; `control.sock` in state_dir if not set.
        socket_group: The group of the operating system that may use the socket; only the collector's own account and
            root if not set.
        patience_s: How long a command is offered to a gateway that is away, unless the user says another time.
        orders_per_minute: Of one user, in the long run; as many at once.
        gateways_per_minute: Of one user: how many gateways these orders may address.
    """

    users: Annotated[tuple[User, ...], Field(max_length=1000)] = ()
    keys_folder: Path | None = None
    socket: Path | None = None
    socket_group: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")] | None = None
    patience_s: Annotated[float, Field(ge=10, le=86_400)] = 600.0
    orders_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 30
    gateways_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000

    @model_validator(mode="after")
    def _nobody_twice(self) -> Commands:
        findings = twice(("users",), "name", [user.name for user in self.users])
        seen: dict[str, str] = {}
        for index, user in enumerate(self.users):
            for number, account in enumerate(user.accounts):
                if account in seen:
                    told = TEXTS.text("account_twice", account=account, user=seen[account])
                    findings.append(At(("users", index, "accounts", number), told))
                seen.setdefault(account, user.name)
        refuse(findings)
        return self


class CollectorConfig(StrictModel):
    """One collector.

    Attributes:
        name: Its MQTT client id.
        city_file: The inventory.
        state_dir: Folder of what must survive a restart: alarms, notifications, dead letters.
        mqtt: The broker.
        store: Where time series go.
        limits: What bounds memory and disk.
        rule_files: Alarm rules; those that the software ships if not set.
        notify: How crews are reached.
        commands: Who may command the lights, and how.
    """

    name: Name = "collector"
    city_file: Path
    state_dir: Path = Path("/var/lib/lamplighter-collector")
    mqtt: Mqtt = Mqtt()
    store: Store = SqliteStore(kind="sqlite")
    limits: Limits = Limits()
    rule_files: tuple[Path, ...] | None = None
    notify: tuple[CrewChannels, ...] = ()
    commands: Commands = Commands()

    @model_validator(mode="after")
    def _crews_differ(self) -> CollectorConfig:
        refuse(twice(("notify",), "crew", [channels.crew for channels in self.notify]))
        return self
