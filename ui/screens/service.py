"""The service desk: find it, read it, answer it. Nothing else stands here."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget

from app.core.scan import parse
from ui.models.rows import RowsModel
from ui.present.service import Hit, hit
from ui.screens.first_orders import first_orders
from ui.screens.order_view import OrderView
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, pad
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel
from ui.widgets.search_field import SearchField

TOPICS = frozenset({"order", "history", "track", "station", "outbox", "status", "rights", "person"})
MOST = 50


class HitDelegate(RowDelegate):
    """Number and state; goods; who and when."""

    lines = ("body", "caption", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.order_no if isinstance(view, Hit) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, Hit):
            return
        first, second, third = rects
        first = brush.chip_right(first, view.chip)
        brush.left(first, view.number, "body", bold=True)
        brush.left(second, view.goods, "caption")
        third = brush.right(third, view.when, "caption", "muted")
        brush.left(third, view.person, "caption", "muted")


class ServiceScreen(Page):
    """Search box and what was found at the left; the order, its story and its fields beside it."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._found: tuple[Hit, ...] = ()
        self._asked = ""
        self._order_no = ""
        kit = room.kit
        self.search = SearchField(kit)
        self.search.asked.connect(self.look_for)
        self.search.returnPressed.connect(self._open_first)
        self._note = PlainLabel(role="caption", wrap=True)
        rows: RowsModel[Hit] = RowsModel(
            lambda n, after: (self._found, ""), lambda h: h.order_no, lambda h: h.number
        )
        self.hits = RowList(kit, rows, HitDelegate(kit, self))
        self.hits.chosen.connect(lambda view: self.show_order(view.order_no))
        self.view = OrderView(room)
        self._empty = EmptyState(
            kit, "search", kit.i18n.say("service.begin_title"), kit.i18n.say("service.begin_text")
        )
        self.first = first_orders(room)
        self._pages = QStackedWidget()
        for page in (self._empty, self.view, self.first):
            self._pages.addWidget(page)
        self._side = QFrame()
        self._side.setProperty("role", "card")
        side = column(kit, self.search, self._note, margin="space.m", gap="space.s")
        side.addWidget(self.hits, 1)
        self._side.setLayout(side)
        layout = QHBoxLayout(self)
        pad(kit, layout, "space.m", "space.m")
        layout.addWidget(self._side)
        layout.addWidget(self._pages, 1)
        kit.theme.bind(self, lambda: self._side.setFixedWidth(kit.theme.px("type.body") * 21))
        kit.i18n.changed.connect(self.refresh)
        self.look_for("")

    def scan(self, raw: str) -> None:
        """A slip, a label or a number opens its order wherever the cursor is; anything else is searched for."""
        scan = parse(raw)
        target = self._room.core.read.resolve(scan)
        if target.order_no:
            self._asked = self.search.text().strip()  # what was typed before is not looked for any more
            self.show_order(target.order_no)
        else:
            self.search.setText(scan.text)
            self.look_for(scan.text)

    def look_for(self, text: str) -> None:
        """Looks in what this station holds; a single hit opens by itself."""
        words, now = self._room.words(), self._room.now()
        orders = self._room.core.service.search(text.strip(), MOST)
        self._found = tuple(hit(order, words, now) for order in orders)
        self.hits.rows.refresh(MOST)
        self._say_found(text.strip())
        before, self._asked = self._asked, text.strip()
        if self._asked and len(self._found) == 1:
            self.show_order(self._found[0].order_no)
        elif self._asked != before and all(found.order_no != self._order_no for found in self._found):
            self._put_away()

    def _put_away(self) -> None:
        """Somebody else is asked for: the order of the last one, its answer and its buttons go."""
        self._order_no = ""
        self.hits.mark(None)
        say = self._room.kit.i18n.say
        if not self._asked:
            self._empty.show_text("search", say("service.begin_title"), say("service.begin_text"))
        elif self._found:
            self._empty.show_text("search", say("service.pick_title"), say("service.pick_text"))
        else:
            nothing = say("service.found_none_title", query=self._asked)
            self._empty.show_text("search", nothing, say("service.found_none_text"))
        self._show()

    def _open_first(self) -> None:
        """Enter opens the best of what was found; what was typed alone opens only a single one."""
        if self.search.text().strip() and self._found and self._found[0].order_no != self._order_no:
            self.show_order(self._found[0].order_no)

    def show_order(self, order_no: str) -> None:
        self._order_no = order_no
        self.hits.mark(order_no)
        self._show()

    @property
    def shown_order(self) -> str:
        """The order in front, "" for none."""
        return self._order_no

    def refresh(self, topics: frozenset[str] = TOPICS) -> None:
        if not topics & TOPICS:
            return
        self._show()
        if "order" in topics:
            words, now = self._room.words(), self._room.now()
            read = self._room.core.read
            fresh = [read.order(found.order_no) for found in self._found]
            self._found = tuple(hit(order, words, now) for order in fresh if order is not None)
            if not self._found and not self.search.text():
                self.look_for("")
            self.hits.rows.refresh(MOST)
            self._say_found(self.search.text().strip())

    def _show(self) -> None:
        order = self._room.core.read.order(self._order_no) if self._order_no else None
        if order is not None:
            self.view.show_order(order)
        if order is not None:
            self._pages.setCurrentWidget(self.view)
        else:
            self._pages.setCurrentWidget(self._empty if self._room.has_orders() else self.first)

    def _say_found(self, text: str) -> None:
        tr = self._room.kit.i18n.tr
        n = len(self._found)
        if not text:
            self._note.setText(tr("service.newest") if n else "")
        elif n == 0:
            self._note.setText(tr("service.found_none_title", query=text))
        else:
            self._note.setText(tr("service.found_first" if n >= MOST else "service.found", n=n))
