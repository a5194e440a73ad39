"""Orderdock's commands (design 1.2): reads the words and calls the room that does the work.

Rooms are imported where they are called: the hub never loads Qt, the station never loads the hub.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.core.findings import Finding
from app.core.texts import Lang
from app.os.folders import data_folder

if TYPE_CHECKING:
    from app.ports import Clock
    from hub.config import Settings
    from sync.people import Caller

cli = typer.Typer(
    name="orderdock",
    help="Orderdock 履单坞: the order-fulfilment desktop and its hub.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
)
hub_cli = typer.Typer(help="The hub: one process that holds the order table.", invoke_without_command=True)
paper_cli = typer.Typer(help="Draw one paper without hub or printer.", no_args_is_help=True)
user_cli = typer.Typer(help="Who may sign on: list, add, password, role.", no_args_is_help=True)
cli.add_typer(hub_cli, name="hub")
cli.add_typer(user_cli, name="user")
cli.add_typer(paper_cli, name="paper")


class Kind(StrEnum):
    packing = "packing"
    supervisor = "supervisor"
    service = "service"
    ops = "ops"


class Language(StrEnum):
    zh = "zh"
    en = "en"


DataDir = Annotated[Path | None, typer.Option(help="Where this program keeps its data.")]
LangOption = Annotated[Language | None, typer.Option(help="Language of screens and messages.")]
HubUrl = Annotated[str | None, typer.Option(help="Address of the hub, e.g. http://127.0.0.1:8620")]
CalledHub = Annotated[
    str,
    typer.Option(
        "--hub", envvar="ORDERDOCK_HUB", help="Address of the hub; https://HOST:8620#FINGERPRINT afar."
    ),
]
Admin = Annotated[str, typer.Option("--user", help="The administrator who asks; the password is asked for.")]
OWN_HUB = "http://127.0.0.1:8620"


def _language(lang: Language | None) -> Lang:
    """As asked, else as the surroundings speak, else Chinese."""
    if lang is not None:
        return "en" if lang is Language.en else "zh"
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if spoken.lower().startswith("en") else "zh"


@cli.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Without a command: open the station."""
    if context.invoked_subcommand is None:
        station()


@cli.command()
def station(
    hub: HubUrl = None,
    kind: Annotated[Kind, typer.Option(help="Which desk this computer is.")] = Kind.packing,
    data_dir: DataDir = None,
    lang: LangOption = None,
    kiosk: Annotated[
        bool, typer.Option("--kiosk", help="Fill the screen; only a supervisor or a code closes it.")
    ] = False,
    hand: Annotated[bool, typer.Option(hidden=True, help="Obey lines on stdin: for rehearsals.")] = False,
) -> None:
    """Open the station: packing, supervisor, service or ops desk."""
    from app.desktop import open_station

    tongue = lang.value if lang else None
    raise typer.Exit(open_station(hub, kind.value, data_dir, tongue, hand=hand, kiosk=kiosk))


@hub_cli.callback()
def hub(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="hub.toml")] = None,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 unless said.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; 8620 unless said.")] = None,
    db: Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql+psycopg://...")] = None,
    recover: Annotated[str | None, typer.Option(help="Recovery code: makes a lost master key anew.")] = None,
    lang: LangOption = None,
) -> None:
    """Run the hub."""
    if context.invoked_subcommand is not None:
        return
    from hub.main import run

    folder = data_folder(data_dir, "hub")
    raise typer.Exit(run(config, folder, host, port, db, recover=recover, lang=_language(lang)))


_ConfigFile = Annotated[Path | None, typer.Option("--config", help="hub.toml")]
_Database = Annotated[str | None, typer.Option("--db", help="sqlite:///FILE or postgresql+psycopg://...")]


@hub_cli.command()
def backup(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="The file to write; an older backup of that name is replaced.")
    ],
    config: _ConfigFile = None,
    data_dir: DataDir = None,
    db: _Database = None,
    lang: LangOption = None,
) -> None:
    """Back the hub up into one file while it runs and takes orders.

    The passphrase is asked for, or taken from ORDERDOCK_BACKUP_PASSPHRASE.
    """
    from app.ports import SystemClock
    from hub.backups.run import back_up
    from hub.version import version

    given = _hub_options(context, config, data_dir, db, lang)
    status = back_up(file, given.settings, given.config, SystemClock(), _asker(), given.lang, version())
    raise typer.Exit(status)


@hub_cli.command()
def restore(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A file that `hub backup` wrote.")] = None,
    database_only: Annotated[
        bool,
        typer.Option(help="The database was brought back by its own tools (pg_restore): begin its new life."),
    ] = False,
    recover: Annotated[
        str | None, typer.Option(help="Recovery code, where nobody knows the passphrase.")
    ] = None,
    config: _ConfigFile = None,
    data_dir: DataDir = None,
    db: _Database = None,
    lang: LangOption = None,
) -> None:
    """Bring the hub back from a backup; what was there is put aside, nothing is deleted."""
    from app.ports import SystemClock, Ulid
    from hub.backups.run import bring_back

    if (file is None) is not database_only:
        raise typer.BadParameter("either FILE or --database-only")
    given, clock = _hub_options(context, config, data_dir, db, lang), SystemClock()
    status = bring_back(
        file, given.settings, clock, Ulid(clock), _asker(), given.lang, recover=recover or given.recover
    )
    raise typer.Exit(status)


@dataclass(frozen=True)
class _HubOptions:
    """Options of a command of the hub: said behind it, or before it as for the hub itself."""

    config: Path | None
    data_dir: Path
    db: str | None
    recover: str | None
    lang: Lang

    def settings(self) -> Settings:
        from hub.main import settings_of

        return settings_of(self.config, self.data_dir, db=self.db)


def _hub_options(
    context: typer.Context, config: Path | None, data_dir: Path | None, db: str | None, lang: Language | None
) -> _HubOptions:
    before = context.parent.params if context.parent is not None else {}
    return _HubOptions(
        config=config or before.get("config"),
        data_dir=data_folder(data_dir or before.get("data_dir"), "hub"),
        db=db or before.get("db"),
        recover=before.get("recover"),
        lang=_language(lang or before.get("lang")),
    )


def _asker() -> Callable[[str], str] | None:
    """Asks at the terminal without showing what is typed; None where nobody sits at one."""
    if not sys.stdin.isatty():
        return None
    return lambda text: str(typer.prompt(text, hide_input=True, prompt_suffix=" "))


@cli.command()
def demo(
    headless: Annotated[bool, typer.Option(help="Play offscreen even where there is a screen.")] = False,
    live: Annotated[bool, typer.Option(help="Open the windows: work the shift by hand.")] = False,
    out: Annotated[Path, typer.Option(help="Where summary, screens and papers go.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="The dice of the shift.")] = 1,
    cancel_at: Annotated[
        str, typer.Option(help="When the buyer cancels: queued, opened, scanning or packed.")
    ] = "scanning",
    few_pictures: Annotated[
        bool, typer.Option("--few-pictures", help="One picture of each moment, not every language and size.")
    ] = False,
    lang: LangOption = None,
) -> None:
    """Play the scripted shift: hub and desks as processes of their own."""
    from rehearsal.demo import run

    hands = live and not headless
    raise typer.Exit(run(out, seed, cancel_at, live=hands, lang=_language(lang), few_pictures=few_pictures))


@cli.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="An .xlsx or .csv file.")],
    kind: Annotated[str, typer.Option(help="orders, items or waybills")] = "orders",
    shop: Annotated[str | None, typer.Option(help="Shop the orders belong to.")] = None,
    map: Annotated[str | None, typer.Option(help="Name of a saved column map.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Check only, take nothing.")] = False,
    hub: CalledHub = OWN_HUB,
    token: Annotated[str | None, typer.Option(envvar="ORDERDOCK_TOKEN", help="Token of a session.")] = None,
    user: Annotated[str | None, typer.Option(help="Sign in as this person; asks for the password.")] = None,
    lang: LangOption = None,
) -> None:
    """Bring orders, items or waybill numbers in from a file."""
    from sync.upload import run

    raise typer.Exit(
        run(
            file,
            kind=kind,
            shop=shop,
            column_map=map,
            dry_run=dry_run,
            hub_url=hub,
            token=token,
            # a file that is not there is said before a password is asked for
            sign_in=_sign_in(user, _language(lang)) if user and file.is_file() else None,
            lang=_language(lang),
        )
    )


def _sign_in(user: str, lang: Lang) -> tuple[str, str]:
    """The name with its password: from ORDERDOCK_PASSWORD, else asked for without showing it."""
    from app import resources

    asked = resources.texts().text("upload.password", lang, user=user)
    return user, os.environ.get("ORDERDOCK_PASSWORD") or typer.prompt(asked, hide_input=True)


@cli.command()
def setup(
    code: Annotated[str, typer.Option(help="The one-time code the hub said when it started.")],
    name: Annotated[str, typer.Option(help="Name of the administrator.")] = "admin",
    hub: CalledHub = OWN_HUB,
    lang: LangOption = None,
) -> None:
    """Make the first administrator of a new hub."""
    from sync.people import set_up

    tongue = _language(lang)
    raise typer.Exit(set_up(hub, code, name, _new_password(name, tongue), tongue))


@cli.command()
def pair(
    kind: Annotated[Kind, typer.Option(help="Which desk the other computer will be.")] = Kind.packing,
    warehouse: Annotated[str, typer.Option(help="Its warehouse.")] = "main",
    user: Admin = "admin",
    hub: CalledHub = OWN_HUB,
    lang: LangOption = None,
) -> None:
    """Open a pairing code, with which one more computer joins the hub."""
    from sync import people

    raise typer.Exit(people.pair(_caller(user, hub, lang), kind.value, warehouse))


@user_cli.command(name="list")
def user_list(user: Admin = "admin", hub: CalledHub = OWN_HUB, lang: LangOption = None) -> None:
    """Everybody who may sign on."""
    from sync import people

    raise typer.Exit(people.listed(_caller(user, hub, lang)))


@user_cli.command(name="add")
def user_add(
    name: Annotated[str, typer.Argument(help="As it will be shown.")],
    role: Annotated[str, typer.Option(help="packer, supervisor, cs_rep ...; a wrong one lists them all.")],
    warehouse: Annotated[str, typer.Option(help="Only there; every warehouse unless said.")] = "",
    user: Admin = "admin",
    hub: CalledHub = OWN_HUB,
    lang: LangOption = None,
) -> None:
    """Let somebody sign on."""
    from sync import people

    who = _caller(user, hub, lang)
    raise typer.Exit(people.add(who, name, role, _new_password(name, who.lang), warehouse))


@user_cli.command(name="password")
def user_password(
    name: Annotated[str, typer.Argument(help="Whose.")],
    user: Admin = "admin",
    hub: CalledHub = OWN_HUB,
    lang: LangOption = None,
) -> None:
    """Give somebody a new password."""
    from sync import people

    who = _caller(user, hub, lang)
    raise typer.Exit(people.set_password(who, name, _new_password(name, who.lang)))


@user_cli.command(name="role")
def user_role(
    name: Annotated[str, typer.Argument(help="Whose.")],
    role: Annotated[str, typer.Argument(help="packer, supervisor, cs_rep ...")],
    off: Annotated[bool, typer.Option("--off", help="They may not sign on any more.")] = False,
    user: Admin = "admin",
    hub: CalledHub = OWN_HUB,
    lang: LangOption = None,
) -> None:
    """Give somebody another role, or switch them off."""
    from sync import people

    raise typer.Exit(people.set_role(_caller(user, hub, lang), name, role, is_disabled=off))


@user_cli.command(name="badge")
def user_badge(
    name: Annotated[str, typer.Argument(help="Whose.")],
    out: Annotated[Path, typer.Option(help="The card to write: .png or .pdf.")] = Path("badge.png"),
    off: Annotated[
        bool, typer.Option("--off", help="Take the badge away: lost, or its person left.")
    ] = False,
    dpi: Annotated[int, typer.Option(min=100, max=600, help="Dots per inch.")] = 300,
    user: Admin = "admin",
    hub: CalledHub = OWN_HUB,
    lang: LangOption = None,
) -> None:
    """Make somebody a new badge and draw its card, or take the badge away."""
    from sync import people

    who = _caller(user, hub, lang)
    if off:
        raise typer.Exit(people.take_badge(who, name))
    from printing.badge import write_card

    raise typer.Exit(people.badge(who, name, lambda *card: write_card(out, *card, dpi=dpi, lang=who.lang)))


def _caller(user: str, hub: str, lang: Language | None) -> Caller:
    from sync.people import Caller

    tongue = _language(lang)
    return Caller(hub, _sign_in(user, tongue), tongue)


def _new_password(name: str, lang: Lang) -> str:
    """From ORDERDOCK_NEW_PASSWORD, else asked for twice without showing it."""
    from app import resources

    asked = resources.texts().text("people.new_password", lang, name=name)
    given = os.environ.get("ORDERDOCK_NEW_PASSWORD")
    return given or str(typer.prompt(asked, hide_input=True, confirmation_prompt=True))


@cli.command()
def decode(files: Annotated[list[Path], typer.Argument(help="Pictures.")]) -> None:
    """Read the codes in pictures: one line of JSON per file."""
    from app.codes.cli import run

    raise typer.Exit(run(files))


def _paper(
    kind: str,
    order: Annotated[Path, typer.Option(help="A JSON file with an order body.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    language: Annotated[str, typer.Option(help="escpos, gb18030, tspl, zpl, png or pdf")] = "png",
    dpi: Annotated[int, typer.Option(help="Dots per inch.")] = 203,
    width_mm: Annotated[int, typer.Option(help="Paper width of a slip: 80 or 58.")] = 80,
    parcel: Annotated[str | None, typer.Option(help="Parcel number; the first unless said.")] = None,
    lang: LangOption = None,
) -> None:
    from printing.paper import run

    raise typer.Exit(run(kind, order, language, dpi, width_mm, out, _language(lang), parcel))


@paper_cli.command()
def slip(
    order: Annotated[Path, typer.Option(help="A JSON file with an order body.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    language: Annotated[str, typer.Option(help="escpos, gb18030, png or pdf")] = "png",
    dpi: Annotated[int, typer.Option(help="Dots per inch.")] = 203,
    width_mm: Annotated[int, typer.Option(help="Paper width: 80 or 58.")] = 80,
    parcel: Annotated[str | None, typer.Option(help="Parcel number; the first unless said.")] = None,
    lang: LangOption = None,
) -> None:
    """The pick slip with its QR code."""
    _paper("slip", order, out, language, dpi, width_mm, parcel, lang)


@paper_cli.command()
def label(
    order: Annotated[Path, typer.Option(help="A JSON file with an order body.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    language: Annotated[str, typer.Option(help="tspl, zpl, png or pdf")] = "png",
    dpi: Annotated[int, typer.Option(help="Dots per inch.")] = 203,
    parcel: Annotated[str | None, typer.Option(help="Parcel number; the first unless said.")] = None,
    lang: LangOption = None,
) -> None:
    """The shipping label."""
    _paper("label", order, out, language, dpi, 100, parcel, lang)


@paper_cli.command()
def handover(
    order: Annotated[Path, typer.Option(help="A JSON file with an order body.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    language: Annotated[str, typer.Option(help="png or pdf")] = "pdf",
    dpi: Annotated[int, typer.Option(help="Dots per inch.")] = 203,
    lang: LangOption = None,
) -> None:
    """The hand-over list."""
    _paper("handover", order, out, language, dpi, 210, None, lang)


class SheetLanguage(StrEnum):
    png = "png"
    pdf = "pdf"
    escpos = "escpos"


@paper_cli.command()
def codes(
    out: Annotated[Path, typer.Option(help="File to write; .pdf or .png.")],
    language: Annotated[
        SheetLanguage | None, typer.Option(help="As the file's name ends, unless said.")
    ] = None,
    dpi: Annotated[int, typer.Option(help="Dots per inch.")] = 203,
    width_mm: Annotated[int, typer.Option(help="210 is an A4 page; 80 or 58 a roll.")] = 210,
    lang: LangOption = None,
) -> None:
    """The command codes of the packing bench: close, print, undo and the others."""
    _bench_paper("codes", out, language, dpi, width_mm, lang)


@paper_cli.command(name="scanner-test")
def scanner_test(
    out: Annotated[Path, typer.Option(help="File to write; .pdf or .png.")],
    language: Annotated[
        SheetLanguage | None, typer.Option(help="As the file's name ends, unless said.")
    ] = None,
    dpi: Annotated[int, typer.Option(help="Dots per inch.")] = 203,
    lang: LangOption = None,
) -> None:
    """The A4 sheet of test codes for the check of a scanner."""
    _bench_paper("scanner-test", out, language, dpi, 210, lang)


def _bench_paper(
    kind: str, out: Path, language: SheetLanguage | None, dpi: int, width_mm: int, lang: Language | None
) -> None:
    from printing.paper import run_bench

    asked = language.value if language is not None else ""
    raise typer.Exit(run_bench(kind, asked, dpi, width_mm, out, _language(lang)))


@cli.command()
def doctor(
    hub: HubUrl = None,
    data_dir: DataDir = None,
    scanner: Annotated[
        bool, typer.Option(help="Check a scanner instead, with the codes of its sheet.")
    ] = False,
    lang: LangOption = None,
) -> None:
    """Check this machine and say what to do; without --data-dir for every station there is on it."""
    if scanner:
        raise typer.Exit(_scanner(_language(lang)))
    raise typer.Exit(_doctor(hub, [data_dir.resolve()] if data_dir else _own_stations(), _language(lang)))


def _scanner(lang: Lang) -> int:
    from app import resources
    from ui import scanner_console

    return scanner_console.run(sys.stdin, typer.echo, resources.texts(), lang)


def _own_stations() -> list[Path]:
    """The folders of the stations that were ever opened here without naming one; packing's where there was none."""
    every = [data_folder(None, f"station-{kind}") for kind in Kind]
    return [folder for folder in every if folder.is_dir()] or every[:1]


def _doctor(hub_url: str | None, folders: list[Path], lang: Lang) -> int:
    """Every room checks its own surroundings; here their findings are only printed."""
    from app import resources
    from app.os import checks as machine
    from app.os.clock import StationClock
    from printing import checks as printing
    from ui import checks as ui

    clock, texts = StationClock(), resources.texts()
    findings = [*ui.findings(), *_codes(), *printing.drawing(), *machine.time_of(clock)]
    for folder in folders:
        findings += _of_station(folder, hub_url, clock)
    marks = {"ok": "✓", "warn": "!", "bad": "✗"}
    for finding in findings:
        typer.echo(f"{marks[finding.level]} {texts.text('doctor.' + finding.key, lang, **finding.params)}")
        todo = f"doctor.{finding.key}_todo"
        if finding.level != "ok" and texts.has(todo):
            typer.echo(f"    → {texts.text(todo, lang, **finding.params)}")
    return 1 if any(finding.level == "bad" for finding in findings) else 0


def _of_station(folder: Path, hub_url: str | None, clock: Clock) -> list[Finding]:
    """What one station has of its own: files, printer, hub."""
    from app.os import checks as machine
    from app.station import keepsake
    from app.store import peek
    from printing import checks as printing
    from sync import checks as sync
    from ui.kept import PRINTER_ADDRESS, SCANNER_GAP_MS
    from ui.key_burst import WedgeSettings

    known = keepsake.read(folder)
    # a token is shown to nobody but the hub that gave it
    own = known if known is not None and hub_url in (None, known.hub_url) else None
    url = hub_url or (known.hub_url if known else "")
    return [
        Finding("looked_at", "ok", {"path": str(folder)}),
        *machine.disk(folder),
        printing.printer(peek.setting(folder, PRINTER_ADDRESS)),
        Finding(
            "scanner_check", "ok", {"ms": peek.setting(folder, SCANNER_GAP_MS) or WedgeSettings().gap_ms}
        ),
        *(sync.findings(url, clock, own.token, own.name, own.ca_pem) if own else sync.findings(url, clock)),
    ]


def _codes() -> list[Finding]:
    """Reading codes stands on libraries of the system: without them the room cannot even be entered."""
    try:
        from app.codes import checks
    except ImportError as error:
        return [Finding("codes_missing", "bad", {"library": error.name or str(error)})]
    return checks.findings()
