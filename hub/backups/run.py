"""The commands ``hub backup`` and ``hub restore``: what they did or why not, in words, and the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app import resources
from app.core.texts import Lang
from app.ports import Clock, NewId
from hub import datadir, keys
from hub.backups.container import FULL_EFFORT, PASSPHRASE_MIN, Backup, Effort, WrongPassphrase
from hub.backups.make import make, sqlite_path
from hub.backups.restore import Done, new_life, restore
from hub.config import Settings
from hub.surroundings import Surroundings

#: Asks a person for something that is not shown; None where nobody sits at a terminal.
Ask = Callable[[str], str] | None

PASSPHRASE_VARIABLE = "ORDERDOCK_BACKUP_PASSPHRASE"
#: A person's tries at a passphrase before the command gives up.
_TRIES = 3


class Voice:
    """Words of these commands on stdout and stderr."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang
        self.texts = resources.texts()

    def text(self, key: str, **params: Any) -> str:
        return self.texts.text(f"hub.{key}", self.lang, **params)

    def out(self, key: str, **params: Any) -> None:
        sys.stdout.write(self.text(key, **params) + "\n")

    def sorry(self, no: Surroundings) -> int:
        sys.stderr.write(no.sentence(self.texts, self.lang) + "\n")
        return 1


def back_up(
    to: Path,
    load: Callable[[], Settings],
    config: Path | None,
    clock: Clock,
    ask: Ask,
    lang: Lang,
    version: str,
    effort: Effort = FULL_EFFORT,
) -> int:
    """``hub backup FILE``; ``load`` gives the settings or raises :class:`Surroundings`.

    Less than full ``effort`` is for backups that nobody keeps.
    """
    voice = Voice(lang)
    try:
        settings = load()
        if not settings.data_dir.is_dir():
            raise Surroundings("backup_no_hub", path=settings.data_dir)
        made = make(to, settings, config, _new_passphrase(ask, voice), clock.now(), version, effort)
    except Surroundings as no:
        return voice.sorry(no)
    head = made.head
    at = _local(head.made_at, settings.zone)
    voice.out("backup_made", path=to, orders=head.orders, at=at)
    if not made.has_database:
        voice.out("backup_keys_alone", path=to)
    voice.out("backup_keep")
    return 0


def bring_back(
    file: Path | None,
    load: Callable[[], Settings],
    clock: Clock,
    new_id: NewId,
    ask: Ask,
    lang: Lang,
    *,
    recover: str | None = None,
) -> int:
    """``hub restore FILE``; without a file ``hub restore --database-only``."""
    voice = Voice(lang)
    try:
        settings = load()
        if file is None:
            done = new_life(settings, clock.now(), new_id)
        else:
            done = restore(
                file, settings, lambda backup: _key_of(backup, ask, recover, voice), clock.now(), new_id
            )
    except Surroundings as no:
        return voice.sorry(no)
    except OSError as error:
        return voice.sorry(datadir.no(error, file or Path()))
    _tell(done, voice, settings.zone, is_sqlite=sqlite_path(settings) is not None)
    return 0


def _tell(done: Done, voice: Voice, zone: ZoneInfo, *, is_sqlite: bool) -> None:
    restored = done.restored
    since, until = _local(restored.backup_at, zone), _local(restored.restored_at, zone)
    voice.out("restored", orders=done.orders, at=since)
    if done.aside is not None:
        voice.out("restored_aside", path=done.aside)
    voice.out("restored_numbers", series=done.series)
    voice.out("restored_again", since=since, until=until)
    if restored.waiting:
        voice.out("restored_waits", names=", ".join(late.name for late in restored.waiting))
    if is_sqlite:
        voice.out("restored_start")


def _local(at: Any, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _new_passphrase(ask: Ask, voice: Voice) -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE, "")
    if not given:
        if ask is None:
            raise Surroundings("passphrase_missing", variable=PASSPHRASE_VARIABLE)
        given = ask(voice.text("passphrase_new", n=PASSPHRASE_MIN))
        if len(given) >= PASSPHRASE_MIN and ask(voice.text("passphrase_again")) != given:
            raise Surroundings("passphrase_differs")
    if len(given) < PASSPHRASE_MIN:
        raise Surroundings("passphrase_short", n=PASSPHRASE_MIN)
    return given


def _key_of(backup: Backup, ask: Ask, recover: str | None, voice: Voice) -> bytes:
    """The master key: by recovery code, by the passphrase of the environment, or by one that somebody types."""
    if recover is not None:
        return keys.recovered_key(recover, backup.head.key_id)
    given = os.environ.get(PASSPHRASE_VARIABLE, "")
    if not given and ask is None:
        raise Surroundings("passphrase_missing", variable=PASSPHRASE_VARIABLE)
    for left in reversed(range(_TRIES if ask is not None and not given else 1)):
        try:
            return backup.key(given or (ask(voice.text("passphrase")) if ask is not None else ""))
        except WrongPassphrase:
            if left:
                voice.out("passphrase_try_again", n=left)
    raise Surroundings("passphrase_wrong", path=backup.path)
