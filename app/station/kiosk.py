"""Kiosk: a bench whose window fills the screen and is closed by those who run the warehouse alone (D9).

What is kept, beside the other settings of this computer: whether it is wanted, the hash of a code that closes the
window without a sign-on, and a mark that stands while a kiosk is open. A mark that still stands at the next start
means that the program did not end by itself: that start is an ordinary window, so that a fault in it can lock nobody
out of their own computer.
"""

from __future__ import annotations

from app.store.outbox import Outbox

WANTED, CODE, MARK = "kiosk", "kiosk_code", "kiosk_open"
#: Who may close a kiosk, signed on with password or badge.
MAY_LEAVE = frozenset({"supervisor", "warehouse_admin", "admin"})
CODE_MIN, CODE_MAX = 4, 12
#: After so many wrong codes the bench takes none for a while.
_TRIES, _WAIT_S = 5, 60.0


class Kiosk:
    """``is_on``: this start is one. Reads one setting when made; all else happens after the first picture."""

    def __init__(self, outbox: Outbox, *, asked: bool) -> None:
        self._outbox = outbox
        wanted = asked or self.is_wanted
        self.is_after_fault = wanted and outbox.setting(MARK) == "1"
        self.is_on = wanted and not self.is_after_fault
        self._wrong: list[float] = []

    # -- its life

    def opened(self) -> None:
        """The window is there: from now on an end that is not :meth:`closed` is a fault."""
        if self.is_on:
            self._outbox.set_setting(MARK, "1")
        elif self.is_after_fault:
            self._outbox.set_setting(MARK, "")

    def closed(self) -> None:
        """The program ends by itself."""
        if self.is_on:
            self._outbox.set_setting(MARK, "")

    # -- what is wanted at the next start

    @property
    def is_wanted(self) -> bool:
        return self._outbox.setting(WANTED) == "1"

    def want(self, wanted: bool) -> None:
        self._outbox.set_setting(WANTED, "1" if wanted else "")

    @property
    def has_code(self) -> bool:
        """Whether a code closes the window where nobody can sign on."""
        return bool(self._outbox.setting(CODE))

    def set_code(self, code: str, salt: str) -> bool:
        """Another code, none where it is empty. False: too short or too long."""
        if code and not CODE_MIN <= len(code) <= CODE_MAX:
            return False
        self._outbox.set_setting(CODE, f"{salt}:{_hashed(code, salt)}" if code else "")
        return True

    def fits(self, code: str, now_s: float) -> bool | None:
        """Whether this is the code. None: too many wrong ones, nothing is looked at for a minute."""
        self._wrong = [at for at in self._wrong if now_s - at < _WAIT_S]
        if len(self._wrong) >= _TRIES:
            return None
        salt, _, kept = self._outbox.setting(CODE).partition(":")
        if kept and _same(kept, _hashed(code, salt)):
            return True
        self._wrong.append(now_s)
        return False


def _hashed(code: str, salt: str) -> str:
    """A few digits are soon tried out, so each try costs: some 30 ms."""
    import hashlib

    return hashlib.scrypt(code.encode(), salt=salt.encode(), n=2**13, r=8, p=1).hex()


def _same(one: str, other: str) -> bool:
    import hmac

    return hmac.compare_digest(one, other)
