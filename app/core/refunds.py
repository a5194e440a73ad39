"""What a platform says of the refunds of single lines, laid on ours. Pure.

A platform's lines come in any order and under names of its own; ours are found by article and quantity. Two equal
lines are the same goods in the same number: it makes no difference which of them is taken for the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.order import Order, OrderLine, RefundState
from app.core.values import dataclass

if TYPE_CHECKING:
    from app.core.channel import ChannelLine, ChannelOrder

_FAR = {RefundState.none: 0, RefundState.asked: 1, RefundState.part: 1, RefundState.done: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRefunds:
    """``asked``: money is asked back for these lines; ``newly``: no detail before said so; ``done``: it is back."""

    asked: tuple[int, ...]
    newly: tuple[int, ...]
    done: tuple[int, ...]


def said_of(order: Order, came: ChannelOrder) -> LineRefunds | None:
    """None where the platform does not speak of each single line, or of other lines than ours: then what it says of
    the whole order counts, and nothing unsaid lets anything go."""
    if not came.lines or any(line.refund_state is None for line in came.lines):
        return None
    ours = sorted(order.lines, key=_place)
    theirs = sorted(came.lines, key=_place)
    if [(o.sku_code, o.qty) for o in ours] != [(t.sku_code, t.qty) for t in theirs]:
        return None
    states = {o.line_no: t.refund_state or RefundState.none for o, t in zip(ours, theirs, strict=True)}
    asked = _with(states, RefundState.asked)
    known = {line.line_no for line in order.lines if line.refund_state is RefundState.asked}
    newly = tuple(n for n in asked if n not in known)
    return LineRefunds(asked=asked, newly=newly, done=_with(states, RefundState.done))


def noted(order: Order, said: LineRefunds) -> Order:
    """The order whose lines say what was said of them; a refund that is done stays done."""
    lines = tuple(_noted(line, said) for line in order.lines)
    return order if lines == order.lines else replace(order, lines=lines)


def _noted(line: OrderLine, said: LineRefunds) -> OrderLine:
    if line.refund_state is RefundState.done or line.line_no in said.done:
        return line  # what is done takes effect, and is set there
    state = RefundState.asked if line.line_no in said.asked else RefundState.none
    return line if state is line.refund_state else replace(line, refund_state=state)


def _place(line: OrderLine | ChannelLine) -> tuple[str, int, int]:
    """Equal lines side by side, the furthest refund first."""
    return line.sku_code, line.qty, -_FAR[line.refund_state or RefundState.none]


def _with(states: dict[int, RefundState], state: RefundState) -> tuple[int, ...]:
    return tuple(sorted(n for n, known in states.items() if known is state))
