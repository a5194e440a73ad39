"""The real program as processes of their own: a hub, and desks whose window obeys lines on stdin.

A desk is `main.py station --hand`: each request is one line of JSON on its stdin, each answer one line on its
stdout (see ui/hand.py for the words). Everything else about it is the window a packer uses.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class StepFailed(Exception):
    """A step of the shift that did not happen; the text says which and why."""


def command(*words: str) -> list[str]:
    """The program itself with these words: from source, or from inside the bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *words]
    return [sys.executable, str(ROOT / "main.py"), *words]


def environment(offscreen: bool) -> dict[str, str]:
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    if offscreen:
        env["QT_QPA_PLATFORM"] = "offscreen"
        env["QT_LOGGING_RULES"] = "qt.multimedia.*=false"
    return env


def as_installed(folder: Path) -> None:
    """Modules that processes started from now on import are compiled once and kept in ``folder``, as where the program
    is installed: a start then costs half."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


class Running:
    """A child process whose last words are kept for the case that it dies."""

    def __init__(self, name: str, args: list[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log.open("wb")
        self.process = subprocess.Popen(
            args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=env, cwd=ROOT
        )
        self._log_path = log
        self.lines: Queue[str] = Queue()
        self.said: deque[str] = deque(maxlen=50)
        self._reader = threading.Thread(target=self._read, name=f"{name} says", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self.process.stdout
        if stream is None:
            return
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            self.said.append(line)
            self.lines.put(line)

    def last_words(self) -> str:
        self._log.flush()
        tail = self._log_path.read_text(encoding="utf-8", errors="replace")[-1500:]
        return "\n".join([*self.said, tail]).strip()

    def stop(self, seconds: float = 10) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # it comes to the end by itself; a stream that is closed under it would be a fault of its thread
        self._reader.join(20)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self._log.close()


class HubProcess(Running):
    """`main.py hub` on a port of its own."""

    def __init__(self, folder: Path, config: Path, port: int, log: Path) -> None:
        args = command("hub", "--config", str(config), "--data-dir", str(folder), "--port", str(port))
        super().__init__("hub", args, environment(offscreen=True), log)
        self.url = f"http://127.0.0.1:{port}"

    def wait_ready(self, seconds: float = 60) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise StepFailed(f"the hub ended at once: {self.last_words()}")
            try:
                health: dict[str, Any] = call(self.url, "GET", "/healthz")
            except (OSError, StepFailed):
                time.sleep(0.05)
                continue
            if health["status"] == "ok":
                return health
        raise StepFailed(f"the hub was not ready within {seconds:.0f} s: {self.last_words()}")


class Desk(Running):
    """`main.py station --hand`: one window, driven as hands and a scanner would."""

    def __init__(self, kind: str, hub_url: str, folder: Path, log: Path, lang: str, offscreen: bool) -> None:
        args = command(*(
            "station",
            "--kind",
            kind,
            "--hub",
            hub_url,
            "--data-dir",
            str(folder),
            "--lang",
            lang,
            "--hand",
        ))
        super().__init__(kind, args, environment(offscreen), log)
        self._asked = 0

    def ask(self, do: str, seconds: float = 20, **words: Any) -> dict[str, Any]:
        """One request, its answer. Raises StepFailed with the window's own words when it could not."""
        self._asked += 1
        line = json.dumps({"id": self._asked, "do": do, "seconds": seconds, **words}, ensure_ascii=False)
        stdin = self.process.stdin
        if stdin is None or self.process.poll() is not None:
            raise StepFailed(f"the {self.name} desk has ended: {self.last_words()}")
        stdin.write(line.encode() + b"\n")
        stdin.flush()
        end = time.monotonic() + seconds + 5
        while time.monotonic() < end:
            try:
                answer = json.loads(self.lines.get(timeout=0.2))
            except Empty:
                if self.process.poll() is not None:
                    raise StepFailed(f"the {self.name} desk died at '{do}': {self.last_words()}") from None
                continue
            except json.JSONDecodeError:
                continue
            if answer.get("id") != self._asked:
                continue
            if not answer.get("ok"):
                raise StepFailed(f"{self.name} desk, {do}: {answer.get('error', 'failed')}")
            return dict(answer)
        raise StepFailed(f"the {self.name} desk did not answer '{do}' within {seconds:.0f} s")


def call(
    url: str, method: str, path: str, body: Any = None, token: str = "", lang: str = "zh", seconds: float = 15
) -> Any:
    """One HTTP call to the hub; raises StepFailed with the hub's sentence when it refuses."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, method=method)
    request.add_header("Accept-Language", lang)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            raw = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", "replace")
        raise StepFailed(f"{method} {path}: {text[:400]}") from error
    return json.loads(raw) if raw else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def held_port() -> Iterator[int]:
    """A port that the system gives to nobody else until the end, however many listen and make lines meanwhile.

    A hub may take it, leave it and come back (it binds with SO_REUSEADDR); while it is away callers are refused as
    at any port where nobody is. Elsewhere than on Linux two sockets cannot share it: there it is only a free one.
    """
    is_kept = sys.platform == "linux"
    with socket.socket() as sock:
        if is_kept:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        if is_kept:
            yield port
            return
    yield port


def run_command(*words: str, token: str = "", seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """One command of the program to its end."""
    env = environment(offscreen=True)
    if token:
        env["ORDERDOCK_TOKEN"] = token
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=env,
        cwd=ROOT,
        check=False,
        timeout=seconds,
    )
