"""Between Django and PostgreSQL: it counts what is asked, and cuts the line where it is told."""

from __future__ import annotations

import select
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a client waits for an answer to: a query, the end of a COPY.
QUERY, COPY_DONE = b"Q"[0], b"c"[0]
# What it takes for an answer: the last message of one, or leave to send the rows of a COPY.
ANSWERS = b"ZG"


class Proxy:
    """A socket in ``directory`` that leads to the server's ``target``, one client at a time."""

    def __init__(self, target: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="test-proxy-", dir="/tmp"))
        self.asked: list[bytes] = []
        self._target = target
        self._cut_at: int | None = None
        self._answered = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.directory / ".s.PGSQL.5432"))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def arm(self, at: int | None, *, answered: bool = False) -> None:
        """Count anew, and cut the line at question ``at`` (1 is the first; None: never).

        The question does not reach the server, or (``answered``) the server has answered it and
        the answer is lost.
        """
        self.asked = []
        self._cut_at = at
        self._answered = answered

    def close(self) -> None:
        """Let nobody in any more, and end whoever is."""
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)
        shutil.rmtree(self.directory)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.socket(socket.AF_UNIX) as server:
                self._open = [client, server]
                with suppress(ConnectionError):
                    server.connect(str(self._target))
                    self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        # The first message of a client has no letter.
        questions, answers = _Messages(lettered=False), _Messages(lettered=True)
        silent = False
        while True:
            for source in select.select([client, server], [], [])[0]:
                received = source.recv(65536)
                if not received:
                    return
                if source is server:
                    for message in answers.read(received):
                        if silent and message[0] in ANSWERS:
                            return
                        if not silent:
                            client.sendall(message)
                    continue
                for message in questions.read(received):
                    if message[0] in (QUERY, COPY_DONE):
                        self.asked.append(message[5:])
                        if len(self.asked) == self._cut_at:
                            if not self._answered:
                                return
                            silent = True
                    server.sendall(message)


class _Messages:
    """Cuts a stream of PostgreSQL's protocol into whole messages."""

    def __init__(self, *, lettered: bool) -> None:
        self._lettered = lettered
        self._rest = b""

    def read(self, received: bytes) -> Iterator[bytes]:
        self._rest += received
        while True:
            start = 1 if self._lettered else 0
            if len(self._rest) < start + 4:
                return
            (length,) = struct.unpack_from("!I", self._rest, start)
            if len(self._rest) < start + length:
                return
            message, self._rest = self._rest[: start + length], self._rest[start + length :]
            self._lettered = True
            yield message


@contextmanager
def proxy_to(directory: str) -> Iterator[Proxy]:
    """A proxy to the server whose socket is in ``directory``, until the block ends."""
    proxy = Proxy(Path(directory) / ".s.PGSQL.5432")
    try:
        yield proxy
    finally:
        proxy.close()
