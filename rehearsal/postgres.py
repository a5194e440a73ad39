"""A PostgreSQL server of our own for tests and benchmarks: in a temporary folder, gone when it is left.

::

    with OwnPostgres.started() as server:           # NoPostgres says what to install
        url = server.new_database("one")            # postgresql+psycopg://..., over a Unix socket

It refuses to run as root, so root lends it another user. It dies with the process that started it, however that ends.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

OLDEST = 15
USER = "orderdock"
_START_S = 60.0
_PLACES = Path("/usr/lib/postgresql")
#: Users of the system that root may lend, the first that exists.
_LENT = ("postgres", "nobody")
#: The server's parent waits for the end of its stdin: that comes when whoever started it is gone.
_WATCHED = '"$@" & server=$!; read -r line; kill -QUIT $server; wait $server'


class NoPostgres(Exception):
    """No PostgreSQL can be started here; the text says why and what to do."""


def programs() -> Path:
    """The folder of ``initdb`` and ``postgres``, the newest that we run on. Raises :class:`NoPostgres`."""
    if sys.platform == "win32":
        raise NoPostgres("PostgreSQL of one's own is started on Linux only")
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += [place / "bin" for place in _PLACES.glob("*")]
    fit = [(_version(place), place) for place in places if (place / "initdb").exists()]
    version, place = max(fit, default=(0, Path()))
    if version < OLDEST:
        raise NoPostgres(
            f"PostgreSQL {OLDEST} or newer is not here: sudo apt-get install -y --no-install-recommends postgresql"
        )
    return place


def _version(place: Path) -> int:
    try:
        said = subprocess.check_output([place / "postgres", "--version"], encoding="utf-8", timeout=20)
    except (OSError, subprocess.SubprocessError):
        return 0
    number = re.search(r"\d+", said)
    return int(number[0]) if number else 0


class OwnPostgres:
    """One server with a superuser without password; for nobody but this machine."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """In ``folder``, which is empty and its own. ``durable`` as a shop has it: every commit reaches the disk."""
        self.folder = folder
        self._programs = programs()
        self._as: dict[str, Any] = _lent(folder)
        self._held = _held_port()
        self.port: int = self._held.getsockname()[1]
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def started(cls, *, durable: bool = False) -> Iterator[OwnPostgres]:
        """A new server, ready; its folder goes with it. Raises :class:`NoPostgres`."""
        programs()
        folder = Path(tempfile.mkdtemp(prefix="orderdock-pg-"))
        server = None
        try:
            server = cls(folder, durable=durable)
            server.make()
            server.start()
            yield server
        finally:
            if server is not None:
                server.stop()
                server._held.close()
            shutil.rmtree(folder, ignore_errors=True)

    def make(self) -> None:
        """The files of a new server."""
        words = ["--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale"]
        # many a server sorts as a language does: ours must not mind
        words += ["--locale-provider=icu", "--icu-locale=en-US"]
        self._run("initdb", f"--pgdata={self.folder / 'data'}", *words)

    def start(self) -> None:
        """Raises :class:`NoPostgres` with its last words when it does not come up."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
            "autovacuum": "on" if self._durable else "off",
            "shared_buffers": "128MB" if self._durable else "32MB",
            "log_min_messages": "fatal",
        }
        words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *words]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, "sh", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_environment(),
                start_new_session=True,  # an interrupt at the keyboard is ours to hear
                **self._as,
            )
        self._until_ready()

    def stop(self) -> None:
        """At once, as if its power failed: every connection breaks."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=30)

    def url(self, database: str = "postgres") -> str:
        """For SQLAlchemy, over the Unix socket."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str = "postgres", port: int = 0) -> str:
        """For SQLAlchemy, over loopback; ``port`` is that of somebody in between."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{port or self.port}/{database}"

    def new_database(self, name: str, template: str = "template1") -> str:
        """The :meth:`url` of a new database, a copy of ``template``."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Whoever is still connected to it is thrown out."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def run(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement outside any transaction; its rows."""
        with psycopg.connect(self._conninfo(database), autocommit=True) as conn:
            cursor = conn.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _conninfo(self, database: str) -> str:
        return f"host={self.folder} port={self.port} user={USER} dbname={database} connect_timeout=10"

    def _until_ready(self) -> None:
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None:
                    break
                time.sleep(0.02)
            else:
                return
        log = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
        raise NoPostgres(f"PostgreSQL did not start: {log[-1000:]}")

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            timeout=120,
            check=False,
            **self._as,
        )
        if done.returncode:
            raise NoPostgres(f"{program}: {done.stderr.decode('utf-8', 'replace')[-1000:]}")


def _held_port() -> socket.socket:
    """Bound and never listened at: the port is given to nobody else while the server is made, or away for a while."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server has it: both may be bound
    held.bind(("127.0.0.1", 0))
    return held


def _environment() -> dict[str, str]:
    """Nothing of the developer's own PostgreSQL, and messages that can be read anywhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _lent(folder: Path) -> dict[str, Any]:
    """Options of a child process: root runs it as somebody else, to whom the folder is given."""
    if folder.owner() != "root":
        return {}
    for name in _LENT:
        try:
            shutil.chown(folder, name)
        except LookupError:
            continue
        return {"user": name, "extra_groups": []}
    raise NoPostgres("PostgreSQL refuses root, and there is no user to run it as")
