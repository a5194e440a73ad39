"""What a desk says before the first order ever: how orders come."""

from __future__ import annotations

from ui.screens.room import Room
from ui.widgets.empty_state import EmptyState


def first_orders(room: Room) -> EmptyState:
    """Teaches the first step and offers it."""
    say = room.kit.i18n.say
    empty = EmptyState(room.kit, "box", say("intake.no_orders_title"), say("intake.no_orders_text"))
    empty.offer("intake.offer", room.open_import, main=True, icon="import")
    return empty
