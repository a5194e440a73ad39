"""Makes this machine ready: a Python that fits, system libraries, `.venv`, the hashed lock.

Standard library only, and no syntax newer than Python 3.7: an older `python3` must get far enough to say
what to do.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WINDOWS = sys.platform == "win32"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
LOCK = ROOT / "build" / "requirements-dev.txt"
STAMP = VENV / "orderdock-setup.txt"
OLDEST, NEWEST = (3, 11), (3, 14)


class Need(NamedTuple):
    """Something outside `.venv`: a shared library (`lib`), a program or a file (`path`)."""

    package: str
    lib: str = ""
    path: str = ""
    is_optional: bool = False  # without it some tests are skipped, saying so

    def is_met(self) -> bool:
        if self.lib:
            return can_load(self.lib)
        if not self.path:
            return True  # asked of another Python, see _missing_venv_package
        return Path(self.path).exists() if self.path.startswith("/") else shutil.which(self.path) is not None


RUN_NEEDS = [
    Need("libgl1", lib="libGL.so.1"),
    Need("libegl1", lib="libEGL.so.1"),
    Need("libglib2.0-0", lib="libglib-2.0.so.0"),
    Need("libdbus-1-3", lib="libdbus-1.so.3"),
    Need("libfontconfig1", lib="libfontconfig.so.1"),
    Need("libxkbcommon0", lib="libxkbcommon.so.0"),
    Need("libpulse0", lib="libpulse.so.0"),  # QtMultimedia does not load without it
    Need("libxrandr2", lib="libXrandr.so.2"),
    Need("libxkbcommon-x11-0", lib="libxkbcommon-x11.so.0"),
    Need("libxcb-cursor0", lib="libxcb-cursor.so.0"),
    Need("libxcb-icccm4", lib="libxcb-icccm.so.4"),
    Need("libxcb-keysyms1", lib="libxcb-keysyms.so.1"),
    Need("libxcb-shape0", lib="libxcb-shape.so.0"),
    Need("libcups2", lib="libcups.so.2"),  # the system's list of printers
    Need("libzbar0", lib="libzbar.so.0"),
]
TEST_NEEDS = [
    Need("xvfb", path="Xvfb"),
    Need("xauth", path="xauth"),
    Need("xdotool", path="xdotool"),
    Need("locales", path="/usr/share/i18n/charmaps/GBK.gz"),  # sources of the zh_CN.GBK locale
    Need("postgresql", path="/usr/lib/postgresql", is_optional=True),
]


def say(text: str) -> None:
    """One line of progress, also on a terminal that cannot show every character of a path."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def stop(text: str) -> NoReturn:
    """Ends with status 1: the surroundings say no, and `text` says what to do about it."""
    say(text)
    raise SystemExit(1)


def can_load(lib: str) -> bool:
    """Whether the system's loader finds this shared library."""
    try:
        ctypes.CDLL(lib)
    except OSError:
        return False
    return True


def ready(for_tests: bool) -> None:
    """Everything `make setup` promises; changes nothing and costs next to nothing when all is there.

    `for_tests` also asks for what only tests need from the system (an X server, locale sources).
    """
    started = time.perf_counter()
    python = None if _venv_stands() else pick_python()
    needs = (RUN_NEEDS + (TEST_NEEDS if for_tests else [])) if sys.platform == "linux" else []
    changed = _get_packages(needs, python)
    changed = _make_venv(python) or changed
    changed = _install_lock() or changed
    seconds = time.perf_counter() - started
    say("set-up: {} ({:.1f} s)".format("ready" if changed else "nothing to do", seconds))


#: While packages are installed: a PostgreSQL that comes now serves our tests, it makes no database of the system.
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/orderdock-setup.conf")

# ---------------------------------------------------------------------------------------------------- Python


def pick_python() -> str:
    """A Python that Orderdock runs on: the one running now if it fits, else a well-tried one on PATH."""
    tried = [sys.executable] + [found for name in _python_names() for found in _all_on_path(name)]
    for candidate in tried:
        if OLDEST <= version_of(candidate) <= NEWEST:
            if candidate != sys.executable:
                say("set-up: python3 is {}.{}, using {}".format(*sys.version_info[:2], candidate))
            return candidate
    return stop(
        "Orderdock needs Python 3.11, 3.12, 3.13 or 3.14; this is {}.{} and none of those is on PATH. "
        "Install one (Debian, Ubuntu: sudo apt-get install python3.12 python3.12-venv) and try again.".format(
            *sys.version_info[:2]
        )
    )


def _python_names() -> list[str]:
    return ["python3." + minor for minor in ("13", "12", "11", "14")] + ["python3"]


def _all_on_path(name: str) -> list[str]:
    """Every file of this name on PATH: the first may be a version manager's shim that runs nothing."""
    folders = filter(None, os.environ.get("PATH", os.defpath).split(os.pathsep))
    files = [os.path.join(folder, name) for folder in folders]  # noqa: PTH118 - plain text for subprocess
    return [file for file in files if os.access(file, os.X_OK)]


def version_of(python: str) -> tuple[int, int]:
    """Major and minor version of a CPython, (0, 0) for anything that does not run or is another Python."""
    if python == sys.executable:
        return sys.version_info[:2] if sys.implementation.name == "cpython" else (0, 0)
    question = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        answer = subprocess.check_output([python, "-c", question], stderr=subprocess.DEVNULL, timeout=20)
        name, major, minor = answer.decode("ascii").split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0, 0)
    return (int(major), int(minor)) if name == "cpython" else (0, 0)


# ------------------------------------------------------------------------------------------- system packages


def _get_packages(needs: Sequence[Need], python: str | None) -> bool:
    """Installs what is missing when we may, names the one line that does it when we may not."""
    wanted = [need for need in needs if not need.is_met()]
    missing = [need for need in wanted if not need.is_optional]
    if python is not None:
        missing += _missing_venv_package(python)
    optional = [need for need in wanted if need.is_optional]
    if not missing:
        return _get_optional(optional)
    if shutil.which("apt-get") is None:
        stop("Missing on this system: " + ", ".join(n.lib or n.path or n.package for n in missing))
    if os.geteuid() != 0:
        packages = [_real_name(need.package) for need in missing]
        stop("System packages are missing. Please run:\n  sudo " + _apt_line(packages))
    failure = _apt_install(missing)
    if failure:
        stop(failure)
    still = [need.package for need in missing if not need.is_met()]
    if still:
        stop("Installed, but still not found: " + " ".join(still))
    _get_optional(optional, is_list_fresh=True)
    return True


def _get_optional(missing: Sequence[Need], is_list_fresh: bool = False) -> bool:
    """Installs what some tests want when we may; whatever comes of it, the set-up goes on."""
    if not missing or shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    with _no_cluster():
        failure = _apt_install(missing, is_list_fresh)
    if failure:
        say(failure)
        say("set-up: without " + " ".join(need.package for need in missing) + " some tests are skipped")
    return not failure


def _missing_venv_package(python: str) -> list[Need]:
    """Debian and Ubuntu ship `venv` without its pip, in a package for each Python."""
    done = subprocess.run([python, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL)
    return [] if done.returncode == 0 else [Need("python{}.{}-venv".format(*version_of(python)))]


def _apt_line(packages: Sequence[str]) -> str:
    return "apt-get install -y --no-install-recommends " + " ".join(packages)


def _real_name(package: str) -> str:
    """Newer Debian and Ubuntu call some libraries `...t64`; the name this system's lists know."""
    known = subprocess.run(
        ["apt-cache", "show", package + "t64"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return package + "t64" if known.returncode == 0 else package


def _apt_install(missing: Sequence[Need], is_list_fresh: bool = False) -> str:
    """Nothing if it succeeded, else apt's last words."""
    lock = "-oDPkg::Lock::Timeout=300"  # another apt may be at work: a fresh desktop updates itself
    # A source of somebody else's may be broken; what counts is whether our packages can be had.
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not is_list_fresh:
        say("set-up: apt-get update")
        _failure(["apt-get", lock, "-q", "update"], env)
    packages = [_real_name(need.package) for need in missing]
    say("set-up: " + _apt_line(packages))
    return _failure(_apt_line(packages).replace("install", f"{lock} -q install", 1).split(), env)


@contextmanager
def _no_cluster() -> Iterator[None]:
    """The package `postgresql` would otherwise make a database of the system's own and start it."""
    made = [folder for folder in (NO_CLUSTER.parent, NO_CLUSTER.parent.parent) if not folder.exists()]
    NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    NO_CLUSTER.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        yield
    finally:
        NO_CLUSTER.unlink()
        for folder in made:
            if not any(folder.iterdir()):
                folder.rmdir()


def _failure(command: Sequence[str], env: dict[str, str]) -> str:
    """Runs a command in silence: nothing if it succeeded, else its last words."""
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    words = done.stdout.decode("utf-8", "replace").strip().splitlines()[-15:]
    return "" if done.returncode == 0 else "\n".join([*words, "set-up: this failed: " + " ".join(command)])


def _must(command: Sequence[str], env: dict[str, str], advice: str = "") -> None:
    """Runs a command in silence; if it fails, shows its last words and some advice, and ends."""
    failure = _failure(command, env)
    if failure:
        stop(f"{failure}\n{advice}".strip())


# ----------------------------------------------------------------------------------------------------- .venv


def _venv_stands() -> bool:
    """Whether `.venv` holds a Python that is still on this machine and that Orderdock runs on."""
    if not PYTHON.exists():
        return False
    for line in (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key.strip() in {"version", "version_info"}:
            major, minor = value.strip().split(".")[:2]
            return OLDEST <= (int(major), int(minor)) <= NEWEST
    return False


def _make_venv(python: str | None) -> bool:
    if python is None:
        return False
    say("set-up: making .venv with Python {}.{}".format(*version_of(python)))
    _must([python, "-m", "venv", "--clear", str(VENV)], _clean_env())
    return True


def _install_lock() -> bool:
    """Installs the lock unless the stamp says that this very lock is in. The stamp is written last."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted:
        return False
    say("set-up: installing the Python packages of build/requirements-dev.txt (about 400 MB the first time)")
    # The lock is whole and hashed: nothing to resolve, nothing to build.
    exactly = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r"]
    env = _clean_env()
    if not _install_with_uv(exactly, env):
        say("set-up: uv could not do it here, pip can (slower)")
        _must([*_PIP, "install", *exactly, str(LOCK)], env, _NO_REGISTRY)
    STAMP.write_text(wanted, encoding="ascii")
    return True


_PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input"]
_NO_REGISTRY = (
    "Is the network there? Where the package registry is far away, name a mirror near by and try again:\n"
    "  python3 -m pip config set global.index-url https://..."
)


def _install_with_uv(exactly: Sequence[str], env: dict[str, str]) -> bool:
    """Has uv, which is in the lock itself, install the rest: a quarter of pip's time. False if it cannot."""
    own_lock = VENV / "uv.txt"
    own_lock.write_text(_pin_of("uv", LOCK.read_text(encoding="utf-8")), encoding="utf-8")
    _must([*_PIP, "install", *exactly, str(own_lock)], env, _NO_REGISTRY)
    uv = [str(PYTHON), "-m", "uv", "--no-progress", "--no-config", "--system-certs"]
    # Compiled once here, not at every start of a program (pip does so by itself).
    command = [*uv, "pip", "install", "--compile-bytecode", "--python", str(PYTHON), *exactly, str(LOCK)]
    return not _failure(command, {**env, **_pips_mirror(env), "UV_LINK_MODE": "copy"})


def _pin_of(package: str, lock: str) -> str:
    """One package's line of a lock, with its hashes."""
    lines = lock.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(package + "=="))
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[first : last + 1]) + "\n"


def _pips_mirror(env: dict[str, str]) -> dict[str, str]:
    """uv does not read pip's settings: hands over the registry near by that many people have set there."""
    answer = subprocess.run(
        [*_PIP, "config", "list"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    for line in answer.stdout.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.endswith(".index-url"):
            return {"UV_DEFAULT_INDEX": value.strip("'\"")}
    return {}


def _clean_env() -> dict[str, str]:
    """The environment without what would send packages elsewhere; mirrors and certificates stay."""
    unwanted = {"PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"}
    env = {name: value for name, value in os.environ.items() if name not in unwanted}
    if "SSL_CERT_FILE" in env:  # a company's own certificates: older pips know them by this name only
        env.setdefault("PIP_CERT", env["SSL_CERT_FILE"])
    return env
