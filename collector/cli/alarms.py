"""`collector alarms`: what is active, what was, and who knows of it."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from collector.cli.options import Failure, config_option, json_option, lang_option
from collector.cli.setup import load_config
from collector.cli.table import duration, print_table
from collector.shell.alarm_store import AlarmStore, Shown, read_alarms
from config.city import City
from config.errors import ConfigErrors
from config.language import Texts, process_language
from config.loader import load_document

LIMIT: Final = 1000
TEXTS: Final = Texts(
    {
        "help": (
            "Show alarms; `alarms ack SITE ALARM --by NAME` says that somebody knows of one.",
            "Xem cảnh báo; `alarms ack SITE ALARM --by TÊN` báo rằng đã có người biết.",
        ),
        "help_ack": ("Acknowledge an alarm.", "Xác nhận đã biết một cảnh báo."),
        "opt_all": ("Also those that are over, and the history.", "Cả cảnh báo đã hết và lịch sử."),
        "opt_by": ("Who knows of it.", "Người đã biết."),
        "none": ("No alarm is active.", "Không có cảnh báo nào đang hoạt động."),
        "unreadable": (
            "no alarms can be read in {path}: {error} (has the collector run?)",
            "không đọc được cảnh báo trong {path}: {error} (bộ thu thập đã chạy chưa?)",
        ),
        "no_such": (
            "no active alarm '{name}' of '{site}'; see `collector alarms`",
            "không có cảnh báo '{name}' đang hoạt động tại '{site}'; xem `collector alarms`",
        ),
        "left": (
            "left for the collector, which takes it within a second",
            "đã chuyển cho bộ thu thập, sẽ có hiệu lực trong một giây",
        ),
        "severity": ("sev", "mức"),
        "state": ("state", "trạng thái"),
        "since": ("since", "từ"),
        "lasting": ("for", "đã"),
        "what": ("what", "nội dung"),
        "over": ("over", "đã hết"),
        "unacked": ("active", "đang báo"),
        "acked": ("known", "đã biết"),
        "rtn_unacked": ("over", "đã hết"),
        "normal": ("over", "đã hết"),
        "shelved": ("shelved", "tạm gác"),
        "suppressed": ("explained", "do lỗi khác"),
        "out_of_service": ("out of service", "ngừng dùng"),
    }
)


@click.group(invoke_without_command=True, help=TEXTS.text("help"))
@config_option
@click.option("--all", "show_all", is_flag=True, help=TEXTS.text("opt_all"))
@json_option
@lang_option
@click.pass_context
def alarms(context: click.Context, config_file: Path, show_all: bool, as_json: bool) -> None:
    """List alarms, the most severe and newest first."""
    context.obj = config_file
    if context.invoked_subcommand is not None:
        return
    config = load_config(config_file)
    shown, history = _read(config.state_dir)
    listed = sorted(
        (alarm for alarm in shown if show_all or alarm.active),
        key=lambda alarm: (not alarm.active, alarm.body["severity"], -alarm.changed_ms),
    )
    if as_json:
        answer: dict[str, Any] = {"alarms": [_told(alarm) for alarm in listed]}
        if show_all:
            answer["history"] = history
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    if not listed:
        click.echo(TEXTS.text("none"), err=True)
        return
    zone = _zone(config.city_file)
    language = process_language()
    header = [TEXTS.text(key) for key in ("severity", "state", "since", "lasting", "what")]
    rows = [
        [
            str(alarm.body["severity"]),
            TEXTS.text(alarm.state if alarm.active else "over"),
            datetime.fromtimestamp(alarm.changed_ms / 1000, UTC).astimezone(zone).strftime("%d/%m %H:%M"),
            duration(time.time_ns() // 1_000_000 - alarm.changed_ms) if alarm.active else "",
            str(alarm.body["text"][language]),
        ]
        for alarm in listed
    ]
    print_table(header, rows)


@alarms.command(help=TEXTS.text("help_ack"))
@click.argument("site")
@click.argument("alarm")
@click.option("--by", required=True, help=TEXTS.text("opt_by"))
@click.pass_obj
def ack(config_file: Path, site: str, alarm: str, by: str) -> None:
    """Leave an acknowledgement for the running collector."""
    config = load_config(config_file)
    shown, _ = _read(config.state_dir)
    if not any((item.site, item.name) == (site, alarm) and item.state != "normal" for item in shown):
        raise Failure(TEXTS.text("no_such", name=alarm, site=site))
    store = AlarmStore(config.state_dir)
    try:
        store.ask_acknowledge(site, alarm, by)
    finally:
        store.close()
    click.echo(TEXTS.text("left"), err=True)


def _told(alarm: Shown) -> dict[str, Any]:
    return {**alarm.body, "rule": alarm.name, "changed_ms": alarm.changed_ms}


def _read(state_dir: Path) -> tuple[list[Shown], list[dict[str, Any]]]:
    try:
        return read_alarms(state_dir, limit=LIMIT)
    except sqlite3.Error as error:
        raise Failure(TEXTS.text("unreadable", path=state_dir, error=error)) from error


def _zone(city_file: Path) -> ZoneInfo:
    try:
        return ZoneInfo(load_document(city_file, City).place.timezone)
    except ConfigErrors as error:
        raise Failure(str(error)) from error
