"""The few rules that matter, held over every file of the product, and the places meant to break them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.helpers.source import ROOMS, ROOT, Source, dotted, product

# Where real clocks, ids and dice come from, and the programs that join them to the rest.
OUTSIDE = (
    "main.py",
    "hub/main.py",
    "app/os/",
    "app/ports.py",
    "rehearsal/postgres.py",  # the same
    "rehearsal/processes.py",  # waits for real processes
    "rehearsal/shift.py",  # plays the shift with them, in real time
    "rehearsal/soak.py",  # the same, for minutes
    "rehearsal/soak_seen.py",  # and who watches
    "ui/hand.py",  # the same shift's hand on a window
)

# Where a fault of any kind must be caught, because something has to go on or be said to a person.
EDGES: tuple[str, ...] = (
    "main.py",
    "hub/main.py",
    "ui/work.py",  # the work door and the step loop
    "hub/jobs.py",  # the step loop of the hub
    "hub/api/",  # the API's error page
    "hub/orders/writer.py",  # a fault in one act of a group touches no other
    "hub/orders/transactions.py",  # the same, for the jobs of a group
    "app/store/outboxfile.py",  # the same for the bench: its one writer outlives a bad call
)

# Packages that belong to one place. A room not named here may use what it likes.
BELONGS = {
    "PySide6": ("ui/", "printing/raster.py", "main.py"),
    "sqlalchemy": ("app/store/", "hub/", "main.py"),
    "alembic": ("app/store/", "hub/", "main.py"),
    "httpx": ("sync/client.py", "sync/places.py", "hub/", "rehearsal/", "main.py"),
    "httpx_sse": ("sync/client.py", "hub/", "rehearsal/"),
}


def test_floors_hold() -> None:
    command = (
        "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-logo', '--no-cache'])"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_stands_on_a_floor() -> None:
    """A new module under app/ or hub/ says in pyproject.toml where it belongs."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    floors = {
        name.strip(" ()")
        for contract in settings["contracts"]
        for floor in contract.get("layers", [])
        for name in re.split("[|:]", floor)
    }
    modules = {".".join(Path(source.name).with_suffix("").parts[:2]) for source in product()}
    assert (
        not {name for name in modules if name.startswith(("app.", "hub."))}
        - floors
        - {
            "app.__init__",
            "hub.__init__",
        }
    )


def test_nothing_imports_tests_or_benchmarks() -> None:
    assert not [
        source.at(node)
        for source in product()
        for name, node in source.imports()
        if name.split(".")[0] in {"tests", "benchmarks", "build"}
    ]


def test_core_needs_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"app"}
    assert not [
        f"{source.at(node)} {name}"
        for source in product()
        if source.is_under("app/core/")
        for name, node in source.imports()
        if name.split(".")[0] not in allowed
    ]


@pytest.mark.parametrize("package", BELONGS)
def test_a_package_stays_in_its_rooms(package: str) -> None:
    assert not [
        source.at(node)
        for source in product()
        if not source.is_under(*BELONGS[package])
        for name, node in source.imports()
        if name.split(".")[0] == package
    ]


#: The one module of app/ that knows the windows: it joins the station for main.
JOINS_WINDOWS = "app/desktop.py"


def test_neither_the_hub_nor_what_screens_show_loads_qt() -> None:
    places = ("app/", "hub/", "sync/", "ui/present/")
    sources = [
        source
        for source in product()
        if source.is_under(*places) and "migrations" not in source.name and source.name != JOINS_WINDOWS
    ]
    modules = [".".join(Path(s.name).with_suffix("").parts).removesuffix(".__init__") for s in sources]
    assert modules
    program = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
    program += "print(*[name for name in sys.modules if name.startswith('PySide6')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_main_loads_client_and_hub_only_when_asked() -> None:
    program = (
        "import sys, main, commands; "
        "print(*{'PySide6', 'hub', 'ui', 'sqlalchemy', 'litestar'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_a_station_opens_without_what_only_its_first_minute_needs(tmp_path: Path) -> None:
    """What takes long to import waits until the first picture: the start is measured by `benchmarks start`."""
    late = {
        "PySide6.QtMultimedia",
        "PySide6.QtNetwork",
        "PySide6.QtSerialPort",
        "PySide6.QtTest",
        "alembic",
        "asyncio",
        "concurrent.futures",
        "cv2",
        "escpos",
        "hashlib",
        "httpx",
        "numpy",
        "qrcode",
        "rich",
        "secrets",
        "socket",
        "sqlalchemy",
        "ssl",
        "structlog",
        "subprocess",
        "tomllib",
        "typer",
        "ui.scan_sources",
        "ui.scanner_camera",
        "ui.screens.import_page",
        "ui.screens.needs_page",
        "ui.screens.ops",
        "ui.screens.service",
        "ui.screens.settings",
        "ui.screens.sign_on",
        "ui.screens.supervisor",
        "ui.widgets.paged_table",
        "wave",
        "zxingcpp",
    }
    #: Parts of a packer's desk that nobody sees before something lies on it.
    unseen = {"board", "packed", "_handover", "_reasons", "_which"}
    program = f"""
import sys, main
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.desktop import joint
from app.station import keepsake
from app.station.bench import Identity
from ui.app import build_station
app = QApplication([])
folder = Path({str(tmp_path / "station")!r})
station = build_station(app, joint(), "packing", folder)
assert not station.window.grab().isNull()
print(*{late!r} & set(sys.modules), *{unseen!r} & set(vars(station.desk) if station.desk else ()))
station.close()
words = dict(hub_url="http://127.0.0.1:9", station_id="ST-1", name="1", warehouse="main", token="t")
keepsake.write(folder, Identity(kind="packing", **words))"""
    for _ in ("the first start", "the first start of a packing station", "any other"):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8"
        )
        assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_values_are_made_by_the_decorator_that_costs_a_start_nothing() -> None:
    rooms = ("app/", "printing/", "sync/", "ui/", "main.py")
    assert not [
        source.at(node)
        for source in product()
        if source.is_under(*rooms) and source.name != "app/core/values.py"
        for node in source.nodes(ast.ImportFrom)
        if node.module == "dataclasses" and "dataclass" in {name.name for name in node.names}
    ]


def test_clocks_ids_and_dice_come_in_from_outside() -> None:
    banned = re.compile(
        r"(datetime\.)*(datetime|date)\.(now|utcnow|today)"
        r"|time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep)"
        r"|uuid\.uuid[1-8]|random\.(?!Random$)\w+"
    )
    found = []
    for source in product():
        if not source.is_under(*OUTSIDE):
            found += [
                source.at(node) for node in source.nodes(ast.Attribute) if banned.fullmatch(dotted(node))
            ]
            found += [
                source.at(node)
                for node in source.nodes(ast.ImportFrom)
                for alias in node.names
                if banned.fullmatch(f"{node.module}.{alias.name}")
            ]
    assert not found


def test_nobody_prints() -> None:
    assert not [
        source.at(node)
        for source in product()
        if not source.is_under("main.py", "hub/main.py")
        for node in source.nodes(ast.Call)
        if dotted(node.func) == "print"
    ]


def test_only_named_edges_catch_everything() -> None:
    assert not [
        source.at(handler)
        for source in product()
        if not source.is_under(*EDGES)
        for handler in source.nodes(ast.ExceptHandler)
        if _catches_all(handler) and not _hands_on(handler)
    ]


def _catches_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind) in {"Exception", "BaseException"} for kind in kinds)


def _hands_on(handler: ast.ExceptHandler) -> bool:
    """Tidying up and raising the same error again hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_no_state_lives_in_a_module() -> None:
    assert not [source.at(node) for source in product() for node in source.nodes(ast.Global)]


def test_what_differs_by_system_lives_in_one_room() -> None:
    modules = {"fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg"}
    names = {"os.fork", "os.kill", "os.killpg", "os.geteuid", "os.getuid", "signal.SIGKILL", "signal.SIGHUP"}
    found = []
    for source in product():
        if not source.is_under("app/os/"):
            found += [source.at(node) for name, node in source.imports() if name in modules]
            found += [source.at(node) for node in source.nodes(ast.Attribute) if dotted(node) in names]
    assert not found


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_reads_its_annotations_late(room: str) -> None:
    assert not [
        source.name
        for source in product()
        if source.is_under(f"{room}/") and _has_code(source) and not _is_late(source)
    ]


def _has_code(source: Source) -> bool:
    return any(not isinstance(node, ast.Expr) for node in source.tree.body)


def _is_late(source: Source) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and node.names[0].name == "annotations"
        for node in source.tree.body
    )
