"""From the readings to the crews' mail and webhook, over real servers, their outages and our own end."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from collector.core.notice import thread_tag
from collector.shell.notify_sender import AppriseSender
from tests.servers.waiting import free_port, wait_until
from tests.system.alarm_night import OUTAGE_S, ROUND_S, ROUNDS
from tests.system.alarm_rig import DeskNight, HostileService, MailServer, Webhook, settled
from tests.unit.collector.alarm_parts import GOOD, LOST, START_MS


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def test_each_crew_gets_one_message_for_the_loss_and_one_for_the_restore_in_its_language(
    tmp_path: Path, webhook: Webhook, mail: MailServer
) -> None:
    night = DeskNight(tmp_path, {"north": (mail.url,), "south": (webhook.url,)})
    for at_s in range(100):
        night.second(at_s, {"gw-1": GOOD if at_s < 10 else LOST, "gw-2": GOOD if at_s < 10 else LOST})
    settled(lambda: len(mail.mail) + len(webhook.posts), 2)
    assert json.loads(night.topics["city/v1/alarm/c-1/mains-lost"] or b"{}")["severity"] == 1
    for at_s in range(100, 130):
        night.second(at_s, {"gw-1": GOOD, "gw-2": GOOD})
    settled(lambda: len(mail.mail) + len(webhook.posts), 4)
    night.close()

    (lost_subject, lost_text), (back_subject, back_text) = mail.texts()
    assert lost_subject.startswith("MẤT ĐIỆN · tủ C-1")
    assert back_subject.startswith("ĐÃ CÓ ĐIỆN LẠI · tủ C-1")
    assert lost_subject[-10:] == back_subject[-10:]
    assert "từ 20:00" in lost_text
    assert "Bản đồ: geo:13.98300,108.00000" in lost_text
    assert "sau 1 phút" in back_text
    lost, back = webhook.posts
    assert lost["message"].startswith("MAINS LOST · cabinet C-2 · Lê Duẩn · since 20:00")
    assert len(lost["message"].splitlines()) == 5
    assert back["message"].startswith("MAINS RESTORED · cabinet C-2")
    assert night.topics["city/v1/alarm/c-1/mains-lost"] is None


def test_a_channel_that_is_down_gets_everything_once_in_order_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    night = DeskNight(tmp_path, {"north": (f"json://127.0.0.1:{port}/crew",)})
    for at_s in range(200):
        night.second(at_s, {"gw-1": LOST if 10 <= at_s < 120 else GOOD})
    with Webhook(port) as server:
        at_s = 200
        while len(server.posts) < 2:
            # The desk's clock runs; retries come in its time.
            night.second(at_s, {"gw-1": GOOD})
            at_s += 1
            assert at_s < 20_000, server.posts
        settled(lambda: len(server.posts), 2)
        night.close()
        lost, back = (post["message"] for post in server.posts)
    assert "MẤT ĐIỆN" in lost
    assert "từ 20:00" in lost
    assert "ĐÃ CÓ ĐIỆN LẠI" in back


def test_a_service_that_refuses_with_any_status_gets_everything_once_in_order_when_it_takes_it(tmp_path: Path) -> None:
    with Webhook(refusals=[503, 429, 400, 401, 500, 404]) as server:
        night = DeskNight(tmp_path, {"north": (server.url,)})
        for at_s in range(200):
            night.second(at_s, {"gw-1": LOST if 10 <= at_s < 120 else GOOD})
        at_s = 200
        while len(server.posts) < 2:
            # The desk's clock runs; retries come in its time.
            night.second(at_s, {"gw-1": GOOD})
            at_s += 1
            assert at_s < 200_000, server.refusals
        settled(lambda: len(server.posts), 2)
        night.close()
    assert server.refusals == []
    assert [post["title"].partition(" · ")[0] for post in server.posts] == ["MẤT ĐIỆN", "ĐÃ CÓ ĐIỆN LẠI"]


def test_what_waited_for_its_channel_over_a_restart_says_when_it_was_written(tmp_path: Path) -> None:
    port = free_port()
    night = DeskNight(tmp_path, {"north": (f"json://127.0.0.1:{port}/crew",)})
    for at_s in range(80):
        night.second(at_s, {"gw-1": LOST if at_s >= 10 else GOOD})
    night.close()
    with Webhook(port) as server:
        later = DeskNight(tmp_path, {"north": (server.url,)}, first_s=3_700)
        settled(lambda: len(server.posts), 1)
        later.close()
    assert server.posts[0]["message"].startswith("[Gửi muộn, lập lúc 20:00]")
    assert "từ 20:00" in server.posts[0]["message"]


def test_a_channel_that_hangs_delays_neither_the_evaluation_nor_another_crew(tmp_path: Path) -> None:
    released = threading.Event()
    with Webhook(before_answer=lambda: _ignored(released.wait(30))) as hung, Webhook() as well:
        night = DeskNight(tmp_path, {"north": (hung.url,), "south": (well.url,)})
        for at_s in range(130):
            night.second(at_s, dict.fromkeys(("gw-1", "gw-2"), LOST if 10 <= at_s < 100 else GOOD))
        wait_until(lambda: len(well.posts) == 2, 20, "both messages to the other crew")
        assert not released.is_set()
        released.set()
        night.close()


def test_an_answer_without_an_end_costs_neither_memory_nor_a_second_message(tmp_path: Path) -> None:
    with HostileService(pause_s=0) as endless:
        night = DeskNight(tmp_path, {"north": (endless.url,)})
        for at_s in range(130):
            night.second(at_s, {"gw-1": LOST if 10 <= at_s < 100 else GOOD})
        wait_until(lambda: not night.waiting(), 60, "both messages taken")
        night.close()
    assert len(endless.posts) == 2


def test_a_service_that_answers_a_byte_now_and_then_is_left_and_the_next_message_goes_out() -> None:
    with HostileService(pause_s=0.02) as slow:
        sender = AppriseSender(slow.url, kill_after_s=3)
        assert sender.send("MẤT ĐIỆN", "từ 20:00", "alarm") is False
        assert len(slow.posts) == 1
        assert sender.send("MẤT ĐIỆN", "từ 20:00", "alarm") is False
        sender.rest()
        assert len(slow.posts) == 2, "a new process tried again"


def test_a_message_s_urgency_reaches_the_service(tmp_path: Path, webhook: Webhook) -> None:
    night = DeskNight(tmp_path, {"north": (webhook.url,)})
    for at_s in range(260):
        is_lost = 10 <= at_s < 100 or 200 <= at_s < 220
        night.second(at_s, {"gw-1": LOST if is_lost else GOOD})
    settled(lambda: len(webhook.posts), 3)
    night.close()
    assert [post["type"] for post in webhook.posts] == ["failure", "success", "info"]


def test_a_phase_that_follows_another_reaches_the_crew_before_the_restore(tmp_path: Path, webhook: Webhook) -> None:
    night = DeskNight(tmp_path, {"north": (webhook.url,)})
    for at_s in range(130):
        lost = {"m/u2": 112.0} if 10 <= at_s < 80 else {"m/u2": 112.0, "m/u3": 90.0} if 80 <= at_s < 100 else {}
        night.second(at_s, {"gw-1": {**GOOD, **lost}})
    settled(lambda: len(webhook.posts), 3)
    night.close()
    assert [post["title"].partition(" · ")[0] for post in webhook.posts] == [
        "MẤT PHA L2",
        "MẤT PHA L2, L3",
        "ĐÃ ĐỦ PHA",
    ]


def test_the_url_of_a_channel_is_in_no_argument_of_a_process(tmp_path: Path) -> None:
    secret = "hunter2token"
    released = threading.Event()
    with Webhook(before_answer=lambda: _ignored(released.wait(30))) as hung:
        night = DeskNight(tmp_path, {"north": (f"json://127.0.0.1:{hung.port}/{secret}",)})
        for at_s in range(80):
            night.second(at_s, {"gw-1": LOST if at_s >= 10 else GOOD})
        wait_until(lambda: len(hung.posts) == 1, 30, "the message under way")
        told = b"".join(_arguments(process) for process in Path("/proc").glob("[0-9]*"))
        assert b"notify_worker" in told
        assert secret.encode() not in told
        released.set()
        night.close()


def _arguments(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_no_secret_of_a_channel_is_ever_logged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "hunter2token"
    night = DeskNight(tmp_path, {"north": (f"json://127.0.0.1:{free_port()}/{secret}",)})
    for at_s in range(80):
        night.second(at_s, {"gw-1": LOST if at_s >= 10 else GOOD})
    output: list[str] = []

    def told() -> bool:
        captured = capfd.readouterr()
        output.append(captured.out + captured.err)
        return "north" in "".join(output)

    wait_until(told, 20, "the log says that the crew cannot be reached")
    night.close()
    output.append("".join(capfd.readouterr()))
    assert secret not in "".join(output)
    assert secret.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_killed_at_any_phase_each_loss_and_restore_goes_out_and_in_order_and_a_kill_repeats_one_at_most(
    tmp_path: Path,
) -> None:
    draw = random.Random(20_261_124)
    progress = tmp_path / "progress"
    progress.write_text("0", "utf-8")

    kills = 0
    pause = threading.Event()
    with Webhook(before_answer=lambda: _ignored(pause.wait(0.03))) as server:
        arguments = [sys.executable, "-m", "tests.system.alarm_night", str(tmp_path), server.url]
        for number in range(ROUNDS):
            # Losses are told 57 s into a round, restores 10 s after the outage's end: most kills fall about there.
            at_s = number * ROUND_S + draw.choice((draw.randrange(ROUND_S), 57, OUTAGE_S + 10))
            process = subprocess.Popen(arguments)
            try:
                wait_until(partial(_has_reached, progress, at_s), 60, f"second {at_s}", poll_interval_s=0.001)
                pause.wait(draw.uniform(0, 0.06))
            finally:
                process.kill()
                process.wait()
            kills += 1
        assert subprocess.run(arguments, timeout=120, check=False).returncode == 0
    assert kills >= 5
    for number in range(ROUNDS):
        clock_s = number * ROUND_S + 10
        told = [post["message"] for post in server.posts if f"[{_tag(clock_s)}]" in post["title"]]
        losses = [index for index, text in enumerate(told) if "MẤT ĐIỆN" in text.splitlines()[0]]
        restores = [index for index, text in enumerate(told) if "ĐÃ CÓ ĐIỆN LẠI" in text.splitlines()[0]]
        assert losses, number
        assert restores, number
        assert max(losses) < min(restores)
        assert len(losses) + len(restores) == len(told)
    # On a slow machine two kills may fall on one message; each repeats the one under way, and no other.
    assert len(server.posts) <= 2 * ROUNDS + kills


def _has_reached(progress: Path, at_s: int) -> bool:
    return int(progress.read_text("utf-8")) >= at_s


def _ignored(_value: object) -> None:
    """For a wait whose end does not matter."""


def _tag(clock_s: int) -> str:
    return thread_tag(f"c-1/mains-lost/{START_MS + clock_s * 1000}")
