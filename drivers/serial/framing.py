"""Frames in a stream of bytes: found by their head and checked, and found again after noise. Pure."""

from __future__ import annotations

from typing import Final, Protocol

from drivers.errors import FrameError
from drivers.serial.fields import FOREIGN, Fields, RefusalError

MAX_LINE_BYTES: Final = 512
"""Longest line of text that is looked at; NMEA 0183 allows 82, a full WXT530 message has about 200."""


class BinaryForm(Protocol):
    """What the frames of one family look like."""

    @property
    def head(self) -> bytes:
        """What every frame begins with."""
        ...

    @property
    def max_bytes(self) -> int:
        """Length of the longest frame."""
        ...

    def length(self, begun: bytes) -> int:
        """Return how long the frame that begins so will be; 0 while that cannot be told.

        Raises:
            FrameError: It cannot be a frame.
        """
        ...

    def fields(self, frame: bytes) -> Fields:
        """Return what a whole frame says; nothing for one that carries no values.

        Raises:
            FrameError: It is damaged.
        """
        ...


class BinaryScanner:
    """Finds frames by their head; after a wrong one it looks again one byte further on."""

    def __init__(self, form: BinaryForm) -> None:
        self.damaged = self.foreign = 0
        self.noise = 0
        self.refusal: FrameError | None = None
        self._form = form
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[Fields]:
        """Take bytes; return what each frame that is now whole says."""
        kept, form = self._kept, self._form
        kept += data
        found: list[Fields] = []
        while self._at_head():
            try:
                length = form.length(bytes(kept[: form.max_bytes]))
                if not length or len(kept) < length:
                    break
                fields = form.fields(bytes(kept[:length]))
            except RefusalError as error:
                self.refusal = error
                del kept[:length]
            except FrameError as error:
                is_sound = error.fault in FOREIGN
                self.foreign += is_sound
                self.damaged += not is_sound
                self.noise += not is_sound
                del kept[: length if is_sound else 1]
            else:
                del kept[:length]
                if fields:
                    found.append(fields)
                else:
                    self.foreign += 1
        return found

    def _at_head(self) -> bool:
        """Drop what precedes the next head; return whether one has begun whole."""
        kept, head = self._kept, self._form.head
        place = kept.find(head)
        if place < 0:
            # Its last bytes may be the first of a head.
            place = next((len(kept) - size for size in range(len(head) - 1, 0, -1) if kept.endswith(head[:size])), -1)
            dropped = len(kept) if place < 0 else place
        else:
            dropped = place
        self.noise += dropped
        del kept[:dropped]
        return kept.startswith(head)

    def waiting(self) -> int:
        """Return how many bytes of a frame that is not whole yet are kept."""
        return len(self._kept)


class LineForm(Protocol):
    """What the lines of one family look like."""

    def fields(self, line: bytes) -> Fields:
        """Return what a line says, without its line end; nothing for a sound line that carries no values.

        Raises:
            FrameError: It is damaged or none of ours.
        """
        ...


class LineScanner:
    """Finds lines of text that end in LF; CR before it is dropped."""

    def __init__(self, form: LineForm) -> None:
        self.damaged = self.foreign = 0
        self.noise = 0
        self.refusal: FrameError | None = None
        self._form = form
        self._kept = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[Fields]:
        """Take bytes; return what each line that is now whole says."""
        found: list[Fields] = []
        pieces = data.split(b"\n")
        for index, piece in enumerate(pieces):
            self._keep(piece)
            if index < len(pieces) - 1:
                found += self._line()
        return found

    def _keep(self, piece: bytes) -> None:
        if len(self._kept) + len(piece) > MAX_LINE_BYTES:
            self.noise += len(self._kept) + len(piece)
            self._kept.clear()
            self._too_long = True
        elif self._too_long:
            self.noise += len(piece)
        else:
            self._kept += piece

    def _line(self) -> list[Fields]:
        line = bytes(self._kept).rstrip(b"\r")
        cut, self._too_long = self._too_long, False
        self._kept.clear()
        if cut:
            self.damaged += 1
            return []
        if not line:
            return []
        try:
            fields = self._form.fields(line)
        except RefusalError as error:
            self.refusal = error
        except FrameError as error:
            is_sound = error.fault in FOREIGN
            self.foreign += is_sound
            self.damaged += not is_sound
        else:
            self.foreign += not fields
            return [fields] if fields else []
        return []

    def waiting(self) -> int:
        """Return how many bytes of a line that is not whole yet are kept."""
        return len(self._kept)
