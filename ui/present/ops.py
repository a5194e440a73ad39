"""The ops desk in one sentence: whether something needs a person now."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.values import dataclass
from ui.present.alarms import AlarmRow
from ui.present.shops import ShopRow
from ui.present.states import State
from ui.present.words import Words


@dataclass(frozen=True, slots=True)
class Glance:
    """``state`` stop or wait: ``head`` says how many things need somebody, ``note`` which one first."""

    state: State
    head: str
    note: str


def glance(
    shops: Sequence[ShopRow],
    alarms: Sequence[AlarmRow],
    words: Words,
    *,
    is_away: bool,
    is_known: bool = True,
) -> Glance:
    """A shop in trouble and the alarms about it are one thing. ``is_away``: the hub cannot be reached, so nobody
    knows how it stands now; ``is_known`` False: it has not answered yet."""
    if is_away:
        return Glance("wait", words.tr("ops.glance_away"), words.tr("ops.away"))
    waiting = [alarm for alarm in alarms if alarm.needs_person]
    bad = [shop for shop in shops if shop.needs_person]
    about = {shop.shop_id for shop in bad}
    loose = [alarm for alarm in waiting if alarm.shop_id not in about]
    n = len(bad) + len(loose)
    if n:
        chips = [shop.chip for shop in bad] + [alarm.chip for alarm in waiting]
        is_grave = any(chip.state == "stop" for chip in chips)
        return Glance(
            "stop" if is_grave else "wait", words.tr("ops.glance_needs", n=n), _first(bad, waiting, words)
        )
    if not is_known:
        return Glance("idle", words.tr("ops.glance_asking"), "")
    shaky = [shop for shop in shops if shop.rank < 2]
    if shaky:
        note = words.tr("ops.glance_retry", shop=shaky[0].name, n=len(shaky))
        return Glance("info", words.tr("ops.glance_watch"), note)
    of = sum(shop.is_told for shop in shops)
    return Glance("ok", words.tr("ops.glance_fine"), words.tr("ops.count_fine", n=of) if of else "")


def _first(bad: Sequence[ShopRow], waiting: Sequence[AlarmRow], words: Words) -> str:
    """The gravest of them: an alarm says it in a sentence, a shop by its name and state."""
    if waiting and (not bad or waiting[0].chip.state == "stop" or bad[0].chip.state != "stop"):
        return waiting[0].text
    return f"{bad[0].name}  ·  {bad[0].chip.text}" if bad else ""
