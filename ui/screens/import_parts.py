"""The parts of the import page: who may, which file, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.station.intake import ImportKind
from app.wire import ImportProgress, ShopView
from ui.kit import Kit
from ui.present import states
from ui.present.intake import Count, Phase, ReportView, progress_view, size_words
from ui.screens.form_parts import titled
from ui.screens.pack_parts import IconView, drop
from ui.screens.room import Room
from ui.screens.sign_on import SignOnForm
from ui.theme import restate
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, pad, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

#: What a person chose last, kept on this computer.
SHOP = "import_shop"
KINDS: tuple[ImportKind, ...] = ("orders", "items", "waybills")


class SignOnCard(Card):
    """In the place of the file: who may import has to sign on first."""

    def __init__(self, room: Room) -> None:
        super().__init__(room.kit, margin="space.xl", gap="space.m")
        self._room = room
        self.form = SignOnForm(room)
        self._text = PlainLabel(role="muted", wrap=True)
        self._who = PlainLabel(role="body", wrap=True)
        self._who.set_state("wait")
        for widget in (
            titled(room.kit, "intake.sign_on_title", "title"),
            self._text,
            self._who,
            self.form,
        ):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        room.kit.i18n.bind(self, self.refresh)

    def refresh(self) -> None:
        core, words = self._room.core, self._room.words()
        self._text.setText(words.tr("intake.sign_on_text"))
        role = words.maybe(f"roles.{core.role}", "")
        self._who.setText(words.tr("intake.not_yours", user=core.person, role=role))
        self._who.setVisible(bool(core.person))


class ChoiceCard(Card):
    """Which file, what it holds, into which shop; and the two presses."""

    wanted = Signal()
    changed = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__(room.kit, margin="space.l", gap="space.m")
        self._room = room
        self._kind: ImportKind = "guess"
        self._shops: Sequence[ShopView] = ()
        self._has_file = False
        kit = room.kit
        self.zone = DropZone(kit)
        self.zone.button.clicked.connect(self.wanted)
        self._kinds = {kind: _tickable(kit, f"intake.kind_{kind}") for kind in KINDS}
        for kind, button in self._kinds.items():
            button.clicked.connect(lambda _=False, kind=kind: self._choose_kind(kind))
        self.shops = QComboBox()
        self.shops.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.shops.activated.connect(self._choose_shop)
        self._shop_name = titled(kit, "intake.shop", "muted", wrap=True)
        self.check = BigButton(kit, "intake.check_again", tall=True)
        self.go = BigButton(kit, "intake.go", role="main", icon="import", tall=True)
        kinds = row(kit, *self._kinds.values(), gap="space.s")
        kinds.addStretch(1)
        acts = row(kit, self.go, self.check, gap="space.s")
        acts.addStretch(1)
        self.body.addWidget(self.zone, 1)
        self.body.addWidget(titled(kit, "intake.kind", "muted", wrap=True))
        self.body.addLayout(kinds)
        self.body.addWidget(self._shop_name)
        self.body.addWidget(self.shops)
        self.body.addLayout(acts)
        kit.i18n.bind(self, self._render)
        self.show_go(0)

    @property
    def kind(self) -> ImportKind:
        return self._kind

    @property
    def shop(self) -> str:
        """Orders go into it; "" lets the hub choose the one that takes files."""
        data = self.shops.currentData()
        return str(data) if data else ""

    def show_file(self, file: Path) -> None:
        """Another file: what it holds is told by its headings."""
        self._has_file = True
        self._kind = "guess"
        self.zone.button.set_role("plain")
        self.zone.show_file(file)
        self.show_go(0)
        self._tick("")

    def show_kind(self, kind: str) -> None:
        """What the hub found it to be."""
        self._tick(kind)

    def show_go(self, rows: int) -> None:
        """So many rows can be imported now; 0: nothing was checked yet, or there is nothing to import."""
        self.go.setVisible(rows > 0)
        self.go.set_text("intake.go", n=rows)
        self.check.setVisible(self._has_file)

    def show_done(self) -> None:
        """The file is in: the next press is for another one."""
        self._has_file = False
        self.show_go(0)
        self.zone.button.set_role("main")

    def set_busy(self, busy: bool) -> None:
        for widget in (self.zone.button, self.shops, self.check, self.go, *self._kinds.values()):
            widget.setEnabled(not busy)

    def load_shops(self) -> None:
        self._room.work.run(
            self._room.core.intake.shops, self._show_shops, lambda _: self._show_shops(()), owner=self
        )

    def _show_shops(self, shops: Sequence[ShopView]) -> None:
        if shops:
            self._shops = shops
        self._render()

    def _render(self) -> None:
        """The shops in the words of now; the one chosen last stays chosen, else the first that takes files."""
        words, outbox = self._room.words(), self._room.core.outbox
        usual = next((shop.shop_id for shop in self._shops if shop.connector == "file"), "")
        chosen = self.shop or outbox.setting(SHOP) or usual
        self.shops.clear()
        for shop in self._shops:
            name = states.channel_name(shop.connector, words)
            self.shops.addItem(words.tr("intake.shop_entry", shop=shop.shop_id, channel=name), shop.shop_id)
        at = self.shops.findData(chosen)
        self.shops.setCurrentIndex(at if at >= 0 else max(0, self.shops.findData(usual)))
        self._show_shop_field()

    def _show_shop_field(self) -> None:
        """Goods and waybill numbers belong to no shop; where there is one shop there is nothing to choose."""
        is_for_shops = self._ticked() in ("orders", "") and len(self._shops) > 1
        self.shops.setVisible(is_for_shops)
        self._shop_name.setVisible(is_for_shops)

    def _choose_kind(self, kind: ImportKind) -> None:
        self._kind = kind
        self._tick(kind)
        self.changed.emit()

    def _choose_shop(self) -> None:
        self._room.core.outbox.set_setting(SHOP, self.shop)
        self.changed.emit()

    def _tick(self, kind: str) -> None:
        for name, button in self._kinds.items():
            button.setChecked(name == kind)
        self._show_shop_field()

    def _ticked(self) -> str:
        return next((name for name, button in self._kinds.items() if button.isChecked()), "")


class DropZone(QFrame):
    """Where a file is dropped or asked for; a drop anywhere on the window does the same."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._file: Path | None = None
        self._size = ""
        self.setProperty("role", "drop")
        picture = IconView(kit, "size.icon_l")
        picture.show_icon("import", "muted")
        self._text = PlainLabel(role="lead", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.button = BigButton(kit, "intake.choose", role="main", icon="list")
        box = column(kit, margin="space.l", gap="space.s")
        box.addStretch(1)
        box.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(self._text)
        box.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch(1)
        self.setLayout(box)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        kit.i18n.bind(self, self._render)

    def show_file(self, file: Path) -> None:
        self._file = file
        try:
            self._size = size_words(file.stat().st_size)
        except OSError:
            self._size = ""  # said when it is read
        self._render()

    def words(self) -> str:
        return self._text.words()

    def _render(self) -> None:
        tr = self._kit.i18n.tr
        if self._file is None:
            self._text.setText(tr("intake.drop"))
            return
        name = self._file.name
        self._text.setText(tr("intake.file_size", name=name, size=self._size) if self._size else name)
        self.button.set_text("intake.choose_other")
        restate(self, "chosen", "yes")


class ResultCard(Card):
    """Beside the choice: what to do first, how far it is, what came of it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, margin="space.l", gap="space.m")
        self._kit = kit
        say = kit.i18n.say
        self._begin = EmptyState(kit, "list", say("intake.begin_title"), say("intake.begin_text"))
        self.stop = BigButton(kit, "intake.stop", icon="close")
        self.save = BigButton(kit, "intake.save_refused", icon="import")
        self._doing, self._left = PlainLabel(role="title", wrap=True), PlainLabel(role="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._trouble_head = StateChip(kit, "stop", "", tone="solid", size="title")
        self._trouble = PlainLabel(role="lead", wrap=True)
        self._trouble_key = ""
        self._trouble_said: str | Callable[[], str] = ""
        self.report = ReportPart(kit, self.save)
        self._pages = QStackedWidget()
        for page in (self._begin, self._progress_page(), self._trouble_page(), self.report):
            self._pages.addWidget(page)
        self.body.addWidget(self._pages, 1)
        kit.i18n.bind(self, self._say_trouble)

    def show_nothing(self) -> None:
        self._pages.setCurrentIndex(0)

    def show_progress(self, progress: ImportProgress | None, phase: Phase, taking_for: timedelta) -> None:
        view = progress_view(progress, phase, taking_for, self._kit.i18n.words)
        self._doing.setText(view.text)
        self._left.setText(view.left)
        self._bar.setRange(0, 0 if view.share is None else 1000)
        if view.share is not None:
            self._bar.setValue(round(view.share * 1000))
        self.stop.setEnabled(phase != "stopping")
        self._pages.setCurrentIndex(1)

    def show_trouble(
        self, head_key: str, text: str | Callable[[], str], state: Literal["stop", "info"] = "stop"
    ) -> None:
        """Why nothing was imported; it stays until another file or try."""
        self._trouble_key, self._trouble_said, self._trouble_state = head_key, text, state
        self._say_trouble()
        self._pages.setCurrentIndex(2)

    def show_report(self, view: ReportView) -> None:
        self.report.show_report(view)
        self._pages.setCurrentIndex(3)

    def words(self) -> str:
        """What is said now."""
        match self._pages.currentIndex():
            case 0:
                return self._begin.words()
            case 1:
                return self._doing.words()
            case 2:
                return f"{self._trouble_head.words()}\n{self._trouble.words()}"
            case _:
                return self.report.words()

    def _say_trouble(self) -> None:
        if self._trouble_key:
            said = self._trouble_said
            self._trouble_head.show_state(self._trouble_state, self._kit.i18n.tr(self._trouble_key))
            self._trouble.setText(said if isinstance(said, str) else said())

    def _progress_page(self) -> QWidget:
        box = column(self._kit, gap="space.m")
        box.addStretch(2)
        line = row(self._kit, self._doing, self._left)
        line.setStretch(0, 1)
        box.addLayout(line)
        box.addWidget(self._bar)
        acts = row(self._kit, self.stop)
        acts.addStretch(1)
        box.addLayout(acts)
        box.addStretch(3)
        return _page(box)

    def _trouble_page(self) -> QWidget:
        box = column(self._kit, gap="space.m")
        box.addStretch(1)
        line = row(self._kit, self._trouble_head)
        line.addStretch(1)
        box.addLayout(line)
        box.addWidget(self._trouble)
        box.addStretch(3)
        return _page(box)


class ReportPart(QWidget):
    """Head, the counts side by side, money, and the first reasons for refusing."""

    def __init__(self, kit: Kit, save: BigButton) -> None:
        super().__init__()
        self._kit = kit
        self._head = StateChip(kit, "ok", "", tone="solid", size="title")
        self._counts = row(kit, gap="space.m")
        self._notes = PlainLabel(role="body", wrap=True)
        self._problem_title = titled(kit, "intake.problems")
        self._more = PlainLabel(role="muted", wrap=True)
        self._rows = column(kit, gap="space.s")
        self._save = save
        self._inner = inner = QWidget()
        box = column(kit, gap="space.m")
        box.addLayout(self._rows)
        box.addWidget(self._more)
        box.addStretch(1)
        inner.setLayout(box)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        head = row(kit, self._head)
        head.addStretch(1)
        title = row(kit, self._problem_title)
        title.addStretch(1)
        title.addWidget(save)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.m")
        layout.addLayout(head)
        layout.addLayout(self._counts)
        layout.addWidget(self._notes)
        layout.addLayout(title)
        layout.addWidget(self._scroll, 1)
        self._spare = QWidget()
        layout.addWidget(self._spare, 1)

    def show_report(self, view: ReportView) -> None:
        self._head.show_state(view.state, view.head)
        _refill(self._counts, [CountTile(self._kit, count) for count in view.counts])
        self._notes.setText("\n".join(view.notes))
        self._notes.setVisible(bool(view.notes))
        _refill(self._rows, [self._problem(where, why) for where, why in view.problems])
        self._more.setText(view.more)
        self._more.setVisible(bool(view.more))
        for widget in (self._problem_title, self._scroll):
            widget.setVisible(bool(view.problems))
        self._spare.setVisible(not view.problems)
        self._save.setVisible(view.has_refused)

    def words(self) -> str:
        counts = [tile.words() for tile in self.findChildren(CountTile)]
        problems = [
            label.words() for label in self._inner.findChildren(PlainLabel) if label is not self._more
        ]
        parts = [self._head.words(), *counts, self._notes.words(), *problems, self._more.words()]
        return "\n".join(part for part in parts if part)

    def _problem(self, where: str, why: str) -> QWidget:
        cell = QWidget()
        head = PlainLabel(where, "caption")
        box = column(self._kit, head, PlainLabel(why, wrap=True), gap="")
        cell.setLayout(box)
        return cell


class CountTile(QFrame):
    """A number and what it counts, with the shape and colour of its state."""

    def __init__(self, kit: Kit, count: Count) -> None:
        super().__init__()
        self.setProperty("role", "sunken")
        self._count = count
        number = PlainLabel(kit.i18n.words.count(count.n), "display")
        number.set_state(count.state)
        box = column(kit, number, margin="space.m", gap="")
        if count.state == "idle":
            box.addWidget(PlainLabel(count.text, "muted"))
        else:
            line = row(kit, StateChip(kit, count.state, count.text, tone="bare", size="body"))
            line.addStretch(1)
            box.addLayout(line)
        self.setLayout(box)

    def words(self) -> str:
        return f"{self._count.text} {self._count.n}"


def _tickable(kit: Kit, key: str) -> BigButton:
    button = BigButton(kit, key)
    button.setCheckable(True)
    return button


def _page(box: QVBoxLayout) -> QWidget:
    page = QWidget()
    page.setLayout(box)
    return page


def _refill(box: QHBoxLayout | QVBoxLayout, widgets: Sequence[QWidget]) -> None:
    while (item := box.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            drop(old)
    for widget in widgets:
        box.addWidget(widget, 1 if isinstance(widget, CountTile) else 0)
