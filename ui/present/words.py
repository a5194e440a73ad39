"""Words and figures in one language, without Qt: what every present function writes with."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from app.core.texts import Lang, Texts
from app.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The texts in one language and the zone of the business. Same inputs, same words."""

    texts: Texts
    lang: Lang
    zone: tzinfo

    def tr(self, key: str, /, **params: Any) -> str:
        """The words of ``<area>.<key>``; KeyError where no text file has the key."""
        return self.texts.text(key, self.lang, **params)

    def maybe(self, key: str, otherwise: str, /, **params: Any) -> str:
        """The words of a key that may be newer than our texts, else ``otherwise`` (never a code name)."""
        return self.tr(key, **params) if self.texts.has(key) else otherwise

    def duration(self, seconds: float) -> str:
        """A span in its two largest units: "8 秒", "2 小时 5 分", "3 d 4 h"; the sign is not shown."""
        whole = abs(round(seconds))
        days, rest = divmod(whole, 86_400)
        hours, rest = divmod(rest, 3_600)
        minutes, secs = divmod(rest, 60)
        if days:
            return self._units(("days", days), ("hours", hours))
        if hours:
            return self._units(("hours", hours), ("minutes", minutes))
        if minutes:
            return self._units(("minutes", minutes), ("seconds", secs if minutes < 10 else 0))
        return self._units(("seconds", secs))

    def _units(self, *parts: tuple[str, int]) -> str:
        shown = [part for i, part in enumerate(parts) if part[1] or i == 0]
        return " ".join(self.tr(f"ui.{unit}", count=count) for unit, count in shown)

    def ago(self, seconds: float) -> str:
        """How long since: "刚刚", "8 秒前", "2 h 5 min ago"."""
        return self.tr("ui.just_now") if seconds < 2 else self.tr("ui.ago", span=self.duration(seconds))

    def since(self, at: datetime, now: datetime) -> str:
        return self.ago(max(0.0, (now - at).total_seconds()))

    def clock(self, at: datetime, now: datetime | None = None) -> str:
        """A moment on the wall clock of the business: "14:03", with the day where ``now`` is another day."""
        local = at.astimezone(self.zone)
        if now is None or local.date() == now.astimezone(self.zone).date():
            return f"{local:%H:%M}"
        return self.tr("ui.day_clock", month=local.month, day=local.day, clock=f"{local:%H:%M}")

    def moment(self, at: datetime) -> str:
        """A moment in full, for reports and files: "2026-11-21 14:03:09"."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"

    def date(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d}"

    def money(self, fen: int) -> str:
        """Fen as yuan: ¥1,240.05; whole fen in, never a float."""
        yuan, rest = divmod(abs(fen), 100)
        return f"{'-' if fen < 0 else ''}¥{yuan:,}.{rest:02d}"

    def count(self, n: int) -> str:
        return f"{n:,}"
