"""The addresses behind a host's name, without the threads that other work waits for.

A resolver that cannot reach its servers holds its caller for twenty seconds and more, and asyncio asks it in the
pool of threads that commands wait for on their way to the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading


class HostAddresses:
    """One host: at most one question to the resolver at a time, in a thread of its own.

    The last addresses that were found serve while the resolver does not answer: a device on the local network must
    not depend on a name server across the city.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._known: tuple[str, ...] = ()
        self._lookup: asyncio.Future[tuple[str, ...]] | None = None

    async def find(self, timeout_s: float) -> tuple[str, ...]:
        """Return the addresses, best first.

        Raises:
            OSError: There is no such name, and there never was.
            TimeoutError: The resolver does not answer, and never did.
        """
        with contextlib.suppress(ValueError):
            return (str(ipaddress.ip_address(self._host)),)
        lookup = self._lookup or self._ask(asyncio.get_running_loop())
        await asyncio.wait({lookup}, timeout=timeout_s)
        if lookup.done():
            self._lookup = None
            try:
                self._known = lookup.result()
            except OSError:
                if not self._known:
                    raise
        elif not self._known:
            raise TimeoutError
        return self._known

    def _ask(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[tuple[str, ...]]:
        self._lookup = lookup = loop.create_future()
        threading.Thread(target=self._resolve, args=(loop, lookup), name=f"name-{self._host}", daemon=True).start()
        return lookup

    def _resolve(self, loop: asyncio.AbstractEventLoop, lookup: asyncio.Future[tuple[str, ...]]) -> None:
        found: tuple[str, ...] | OSError
        try:
            answers = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except OSError as error:
            found = error
        except UnicodeError as error:
            found = OSError(f"{self._host!r} is no name of a host: {error}")
        with contextlib.suppress(RuntimeError):  # the loop may have ended before the resolver did
            loop.call_soon_threadsafe(_settle, lookup, found)


def _settle(lookup: asyncio.Future[tuple[str, ...]], found: tuple[str, ...] | OSError) -> None:
    if isinstance(found, OSError):
        lookup.set_exception(found)
        # Nobody may be waiting any more.
        lookup.exception()
    else:
        lookup.set_result(found)
