"""The thread that writes to the store and says what may be confirmed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from collector.core.catalogue import Catalogue
from collector.core.rows import Row, rows_of
from collector.shell.confirm import Confirmer
from collector.shell.dead_letter import DeadLetterFile
from collector.shell.gateways import Gateways
from collector.shell.metrics import Metrics
from collector.shell.store_queue import Pending, StoreQueue
from collector.shell.stores.base import Store, StoreRefusedError, StoreUnavailableError, Written
from contract.batch import WireModel

BACK_OFF_MIN_S: Final = 0.5
BACK_OFF_MAX_S: Final = 10.0
_log = structlog.get_logger("collector.store")


@dataclass(slots=True)
class _Work:
    """One pending batch as rows, and what of it the dead-letter file must take before it is confirmed."""

    pending: Pending
    rows: tuple[Row, ...]
    letters: list[dict[str, Any]] = field(default_factory=list)


class StoreWriter:
    """Writes groups until each is stored: an outage holds one group here, the rest in the queue, then the gateways."""

    def __init__(
        self,
        *,
        store: Store,
        queue: StoreQueue,
        catalogue: Catalogue,
        catalogue_lock: threading.Lock,
        dead_letters: DeadLetterFile,
        confirmer: Confirmer,
        gateways: Gateways,
        metrics: Metrics,
        now_ms: Callable[[], int],
        group_rows: int,
        linger_s: float,
    ) -> None:
        """Prepare; `start` begins to write."""
        self._store = store
        self._queue = queue
        self._catalogue = catalogue
        self._catalogue_lock = catalogue_lock
        self._dead_letters = dead_letters
        self._confirmer = confirmer
        self._gateways = gateways
        self._metrics = metrics
        self._now_ms = now_ms
        self._group_rows = group_rows
        self._linger_s = linger_s
        self._stop = threading.Event()
        self._trouble = ""
        self._letter_trouble = ""
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    @property
    def trouble(self) -> str:
        """Why nothing is stored at present, as `reason: facts`; empty while writes succeed."""
        return self._trouble or self._letter_trouble

    @property
    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what waits, once, and end; what the store does not take now stays with the gateways."""
        self._stop.set()
        self._queue.close()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            group = self._queue.take(rows=self._group_rows, linger_s=self._linger_s, timeout_s=1.0)
            if not group and self._stop.is_set():
                break
            try:
                if group and not self.write(group):
                    break
            except Exception as error:  # noqa: BLE001 - a defect of ours: these batches stay with their gateways
                self._metrics.add("store_failures")
                self._trouble = f"defect: {error!r}"[:300]
                _log.exception("store group failed", batches=len(group))
                self._stop.wait(BACK_OFF_MIN_S)
        self._store.close()

    def write(self, group: Sequence[Pending]) -> bool:
        """Write one group, as often as it takes; False if it was given up because the collector stops."""
        works = [self._work(pending) for pending in group]
        rows = [row for work in works for row in work.rows]
        back_off_s = BACK_OFF_MIN_S
        while True:
            try:
                written = self._store.write(rows) if rows else Written(0)
            except (StoreUnavailableError, StoreRefusedError) as error:
                self._metrics.add("store_failures")
                self._lost(error.reason, str(error), refused=isinstance(error, StoreRefusedError))
            else:
                if rows:
                    self._recovered()
                break
            if self._stop.wait(back_off_s):
                return False
            back_off_s = min(back_off_s * 2, BACK_OFF_MAX_S)
        self._settle(works, written)
        return True

    def _work(self, pending: Pending) -> _Work:
        received = pending.received
        if received is None:
            return _Work(pending, pending.rows)
        with self._catalogue_lock:
            made = rows_of(received, self._catalogue)
        work = _Work(pending, made.rows)
        for refused in made.refused:
            self._metrics.add("rows_future" if refused.reason == "future" else "rows_rejected", len(refused.times_ms))
            work.letters.append(
                self._letter(
                    pending,
                    refused.reason,
                    {"device": refused.device, "times_ms": refused.times_ms, "values": dict(refused.values)},
                )
            )
        for device, columns in pending.foreign.items():
            work.letters.append(self._letter(pending, "foreign_device", {"device": device, "columns": _plain(columns)}))
        for device, broken in pending.broken.items():
            facts = {"device": device, "detail": broken.reason, "columns": broken.columns}
            work.letters.append(self._letter(pending, "invalid_device", facts))
        return work

    def _letter(self, pending: Pending, reason: str, facts: dict[str, Any]) -> dict[str, Any]:
        letter: dict[str, Any] = {"at_ms": self._now_ms(), "reason": reason}
        received = pending.received
        if received is not None:
            batch = received.batch
            letter |= {"gateway": received.gateway, "epoch": batch.epoch, "seq": batch.seq}
        return letter | facts

    def _settle(self, works: Sequence[_Work], written: Written) -> None:
        """Put rejected rows into the dead-letter file, then confirm every batch of which nothing is left open."""
        work_of = {id(row): work for work in works for row in work.rows} if written.rejected else {}
        for rejected in written.rejected:
            work = work_of[id(rejected.row)]
            row = rejected.row
            beyond = rejected.reason == "beyond_retention"
            self._metrics.add("rows_beyond_retention" if beyond else "rows_rejected")
            work.letters.append(
                self._letter(
                    work.pending,
                    rejected.reason,
                    {
                        "detail": rejected.detail,
                        "measurement": row.measurement,
                        "device": row.device,
                        "time_ms": row.time_ms,
                        "fields": {key: row.fields[key] for key in rejected.fields or row.fields},
                    },
                )
            )
        self._metrics.add("rows_stored", written.stored)
        kept_at_once = self._letters_kept([letter for work in works for letter in work.letters])
        for work in works:
            # One by one only if there was no room for all.
            if not kept_at_once and not self._letters_kept(work.letters):
                continue
            received = work.pending.received
            if received is not None:
                self._gateways.stored(received.gateway, len(work.rows))
                self._confirmer.stored(received.gateway, received.batch.epoch, received.batch.seq)

    def _letters_kept(self, letters: Sequence[dict[str, Any]]) -> bool:
        if not letters:
            return True
        try:
            self._dead_letters.append(letters)
        except OSError as error:
            self._metrics.add("dead_letter_failures")
            if not self._letter_trouble:
                _log.error("dead-letter file refused; batches stay unconfirmed", error=str(error))
            self._letter_trouble = f"dead_letter: {error}"
            return False
        if self._letter_trouble:
            _log.info("dead-letter file writable again")
        self._letter_trouble = ""
        return True

    def _lost(self, reason: str, facts: str, *, refused: bool) -> None:
        if not self._trouble.startswith(f"{reason}:"):
            write = _log.error if refused else _log.warning
            write("store lost", reason=reason, facts=facts, mend="configuration" if refused else "it may pass")
        self._trouble = f"{reason}: {facts}"

    def _recovered(self) -> None:
        if self._trouble:
            _log.info("store recovered", after=self._trouble.partition(":")[0])
        self._trouble = ""


def _plain(model: WireModel) -> dict[str, Any]:
    return model.model_dump(mode="json")
