"""The parts of the packing desk: what to do now, the goods, the remark, the last scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPixmap
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.present.packing import KEYS, LineView, PackView, Prompt, Remark, ScanView
from ui.theme import restate, state_icon
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.counter_label import CounterLabel
from ui.widgets.deadline_label import DeadlineLabel
from ui.widgets.layout import column, pad, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip, Tone

#: Remarks of more characters than this are folded to two lines.
LONG_REMARK = 90


def drop(widget: QWidget) -> None:
    """Takes a widget off the screen now; Qt ends it a little later."""
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()


class IconView(QWidget):
    """One drawing in a colour token, as large as the length token says."""

    def __init__(self, kit: Kit, size: str = "size.icon_l") -> None:
        super().__init__()
        self._kit, self._size = kit, size
        self._icon, self._colour = "", "muted"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        kit.theme.bind(self, self._measure)

    def show_icon(self, icon: str, colour: str = "muted") -> None:
        if (icon, colour) != (self._icon, self._colour):
            self._icon, self._colour = icon, colour
            self.update()

    def sizeHint(self) -> QSize:
        side = self._kit.theme.px(self._size)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._icon:
            return
        painter = QPainter(self)
        self._kit.theme.paint_icon(painter, self._icon, self._colour, QRectF(self.rect()))
        painter.end()

    def _measure(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.update()


class GoodsPicture(QWidget):
    """The goods' picture in a rounded square; without one, an empty frame of the same size."""

    def __init__(self, kit: Kit, *, large: bool = False) -> None:
        super().__init__()
        self._kit, self._large = kit, large
        self._file = ""
        self._picture = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        kit.theme.bind(self, self._measure)

    def show_file(self, path: str) -> None:
        """Shows a picture file of this computer; "" or a file that is no picture shows the empty frame."""
        if path == self._file:
            return
        self._file, self._picture = path, QPixmap()
        if path and Path(path).is_file():
            self._picture.loadFromData(Path(path).read_bytes())
        self.update()

    def sizeHint(self) -> QSize:
        theme = self._kit.theme
        side = (
            round(theme.px("type.hero") * 1.6)
            if self._large
            else theme.px("size.touch") + theme.px("space.s")
        )
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._kit.theme
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect())
        path = QPainterPath()
        path.addRoundedRect(frame, theme.px("radius.m"), theme.px("radius.m"))
        painter.setClipPath(path)
        painter.fillRect(frame, theme.colour("sunken"))
        if self._picture.isNull():
            side = frame.width() * 0.42
            at = QRectF(frame.center().x() - side / 2, frame.center().y() - side / 2, side, side)
            theme.paint_icon(painter, "box", "faint", at)
        else:
            self._paint_picture(painter, frame)
        painter.end()

    def _paint_picture(self, painter: QPainter, frame: QRectF) -> None:
        size = self._picture.size().scaled(
            frame.size().toSize(), Qt.AspectRatioMode.KeepAspectRatioByExpanding
        )
        at = QRectF(0, 0, size.width(), size.height())
        at.moveCenter(frame.center())
        painter.drawPixmap(at, self._picture, QRectF(self._picture.rect()))

    def _measure(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.update()


class ParcelHead(QWidget):
    """Which parcel lies here: the part of the number people say, large; shop, courier, states, time left."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._tail = PlainLabel(role="display")
        self._head = PlainLabel(role="caption")
        self._shop = PlainLabel(role="caption", lines=1)
        self._chips = QHBoxLayout()
        pad(kit, self._chips, gap="space.xs")
        self._left = DeadlineLabel(kit, tone="soft", size="title")
        self._total = PlainLabel(role="muted")
        self._total.setAlignment(Qt.AlignmentFlag.AlignRight)
        names = column(kit, self._head, self._shop, gap="")
        marks = QVBoxLayout()
        pad(kit, marks, gap="space.xs")
        marks.addWidget(self._left, 0, Qt.AlignmentFlag.AlignRight)
        marks.addWidget(self._total, 0, Qt.AlignmentFlag.AlignRight)
        layout = QHBoxLayout(self)
        pad(kit, layout, gap="space.m")
        layout.addWidget(self._tail)
        layout.addLayout(names, 1)
        layout.addLayout(self._chips)
        layout.addLayout(marks)

    def show_view(self, view: PackView) -> None:
        parts = view.number
        self._tail.setText(f"{parts.tail}-{parts.parcel}" if parts.parcel not in ("", "01") else parts.tail)
        self._head.setText(parts.full)
        number = f"{view.carrier} {view.waybill_no}".strip()
        self._shop.setText("  ·  ".join(p for p in (view.shop, number, view.waiting) if p))
        self._total.setText(self._kit.i18n.tr("packing.packed_of", done=view.done, of=view.of))
        self._left.setVisible(view.deadline is not None)
        self._left.show_deadline(view.deadline)
        while (item := self._chips.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                drop(old)
        for i, chip in enumerate(view.chips):
            tone: Tone = "solid" if chip.state == "stop" else "soft"
            self._chips.addWidget(
                StateChip(self._kit, chip.state, chip.text, tone=tone, size="body" if i == 0 else "caption")
            )


class PickButton(BigButton):
    """ "It is this one": beside each kind of goods while a code is to be bound; ``picked`` gives the line."""

    picked = Signal(int)

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, "packing.bind_here", role="main", icon="check", tall=True)
        self.line_no = 0
        self.clicked.connect(lambda: self.picked.emit(self.line_no))
        self.hide()


class Hero(QFrame):
    """What to do now: one sentence, and the goods it speaks of, large enough for an arm's length.

    Without goods (close it, stop, next slip) the sentence itself fills the room.
    """

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self.setProperty("role", "card")
        self._icon = IconView(kit, "size.icon_l")
        self._text = PlainLabel(role="heading")
        self._detail = PlainLabel(role="lead")
        self._picture = GoodsPicture(kit, large=True)
        self._title = PlainLabel(role="heading", wrap=True)
        self._spec = PlainLabel(role="title", lines=1)
        self._where = PlainLabel(role="muted", lines=1)
        self._counter = CounterLabel(kit, size="hero")
        self.pick = PickButton(kit)
        self._big_icon = IconView(kit, "size.icon_xl")
        self._big_text = PlainLabel(role="display", wrap=True)
        self._big_detail = PlainLabel(role="title", wrap=True)
        self._goods, self._alone = self._goods_page(), self._alone_page()
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l", "space.m")
        layout.addWidget(self._goods, 1)
        layout.addWidget(self._alone, 1)

    def show_view(self, prompt: Prompt, line: LineView | None) -> None:
        # While goods are scanned the card is plain: colour is kept for what is done, waits or must stop.
        restate(self, "state", "" if line is not None else prompt.state)
        self._goods.setVisible(line is not None)
        self._alone.setVisible(line is None)
        if line is None:
            self._big_icon.show_icon(prompt.icon, f"{prompt.state}_text")
            self._big_text.setText(prompt.text)
            self._big_text.set_state(prompt.state)
            self._big_detail.setText(prompt.detail)
            return
        self._icon.show_icon(prompt.icon, "text")
        self._text.setText(prompt.text)
        self._detail.setText(prompt.detail)
        self._picture.show_file(line.picture)
        self._title.setText(line.title)
        self._spec.setText(line.spec)
        where = self._kit.i18n.tr("packing.bin", bin=line.bin) if line.bin else ""
        self._where.setText("  ·  ".join(p for p in (line.sku_code, where) if p))
        self._counter.show_count(line.done, line.of)
        self.pick.line_no = line.line_no

    def words(self) -> str:
        """All words on the card now."""
        labels = (
            (self._big_text, self._big_detail)
            if self._goods.isHidden()
            else (self._text, self._detail, self._title, self._spec)
        )
        return " ".join(label.words() for label in labels if label.words())

    def _goods_page(self) -> QWidget:
        kit = self._kit
        sentence = row(kit, self._icon, self._text)
        sentence.addStretch(1)
        sentence.addWidget(self._detail)
        names = column(kit, gap="space.xs")
        names.addStretch(1)
        for label in (self._title, self._spec, self._where):
            names.addWidget(label)
        names.addStretch(1)
        goods = row(kit, self._picture, gap="space.l")
        goods.addLayout(names, 1)
        goods.addWidget(self._counter)
        goods.addWidget(self.pick)
        page = QWidget()
        box = column(kit, gap="space.m")
        box.addLayout(sentence)
        box.addLayout(goods, 1)
        page.setLayout(box)
        return page

    def _alone_page(self) -> QWidget:
        page = QWidget()
        box = column(self._kit, gap="space.m")
        box.addStretch(2)
        box.addWidget(self._big_icon, 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (self._big_text, self._big_detail):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            box.addWidget(label)
        box.addStretch(3)
        page.setLayout(box)
        return page


class LineRow(QFrame):
    """One kind of goods below the one that is next, or folded away when it is done."""

    def __init__(self, kit: Kit, *, small: bool = False) -> None:
        super().__init__()
        self._kit = kit
        self._picture = GoodsPicture(kit)
        self._title = PlainLabel(role="lead", lines=1)
        self._spec = PlainLabel(role="caption", lines=1)
        self._counter = CounterLabel(kit, size="heading" if small else "display")
        if small:  # never show() what has no parent yet: it would be a window of its own
            self._picture.hide()
        self.pick = PickButton(kit)
        names = column(kit, self._title, self._spec, gap="")
        layout = row(kit, self._picture, gap="space.m")
        layout.addLayout(names, 1)
        layout.addWidget(self._counter)
        layout.addWidget(self.pick)
        self.setLayout(layout)

    def show_line(self, line: LineView) -> None:
        self.pick.line_no = line.line_no
        self._picture.show_file(line.picture)
        self._title.setText(line.title)
        where = self._kit.i18n.tr("packing.bin", bin=line.bin) if line.bin else ""
        self._spec.setText("  ·  ".join(p for p in (line.spec, line.sku_code, where) if p))
        self._counter.show_count(line.done, line.of)


class LineList(QWidget):
    """The other kinds of goods: open ones as rows, done ones folded into one line that opens at a touch."""

    folded = Signal()
    picked = Signal(int)

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._asks = False
        self._rows: list[LineRow] = []
        self._done_rows: list[LineRow] = []
        self._fold = FoldButton(kit)
        self._fold.toggled.connect(self._show_done)
        self._open_box = column(kit, gap="space.s")
        self._done_box = column(kit, gap="space.s")
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.s")
        layout.addLayout(self._open_box)
        layout.addWidget(self._fold)
        layout.addLayout(self._done_box)
        layout.addStretch(1)

    def ask_which(self, asks: bool) -> None:
        """While ``asks``, each kind of goods can be picked, the done ones too."""
        self._asks = asks
        if asks:
            self._fold.setChecked(True)
        for widget in (*self._rows, *self._done_rows):
            widget.pick.setVisible(asks)

    def show_lines(self, todo: Sequence[LineView], done: Sequence[LineView]) -> None:
        self._fill(self._open_box, self._rows, todo, small=False)
        self._fill(self._done_box, self._done_rows, done, small=True)
        self._fold.setVisible(bool(done))
        self._fold.show_words(self._kit.i18n.tr("packing.done_lines", n=len(done)))
        self._show_done()

    def _fill(self, box: QVBoxLayout, rows: list[LineRow], lines: Sequence[LineView], *, small: bool) -> None:
        while len(rows) < len(lines):
            rows.append(made := LineRow(self._kit, small=small))
            box.addWidget(made)
            made.pick.picked.connect(self.picked)
            made.pick.setVisible(self._asks)
        while len(rows) > len(lines):
            drop(rows.pop())
        for widget, line in zip(rows, lines, strict=True):
            widget.show_line(line)

    def _show_done(self) -> None:
        for widget in self._done_rows:
            widget.setVisible(self._fold.isChecked())
        self.folded.emit()


class FoldButton(QAbstractButton):
    """A line that opens and closes what lies under it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._words = ""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_words(self, words: str) -> None:
        self._words = words
        self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._kit.theme.px("size.touch") * 3, self._kit.theme.px("size.touch"))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._kit.theme
        painter = QPainter(self)
        side, gap = theme.px("size.icon_m"), theme.px("space.s")
        middle = self.rect().center().y() - side / 2
        theme.paint_icon(painter, state_icon("ok"), "ok_text", QRectF(gap, middle, side, side))
        painter.setFont(theme.font("body", bold=True))
        painter.setPen(theme.colour("ok_text"))
        words = QRectF(gap * 2 + side, 0, self.width(), self.height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), self._words)
        arrow = "chevron_down" if self.isChecked() else "chevron_right"
        theme.paint_icon(painter, arrow, "muted", QRectF(self.width() - side - gap, middle, side, side))
        painter.end()


class RemarkBox(Card):
    """What buyer or seller wrote, boxed. A long remark shows two lines and opens at a touch."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, margin="space.s", gap="space.xs")
        self._title = PlainLabel(role="body")
        self._title.set_state("info")
        self._icon = IconView(kit, "size.icon_m")
        self._short = PlainLabel(role="lead", lines=2)
        self._long = PlainLabel(role="lead", wrap=True)
        line = row(kit, self._icon, self._title, gap="space.s")
        line.addWidget(self._short, 1)
        line.addWidget(self._long, 1)
        self.body.addLayout(line)
        self.set_state("info")

    def show_remark(self, remark: Remark) -> None:
        is_long = len(remark.text) > LONG_REMARK or remark.text.count("\n") > 1
        self._icon.show_icon("state_info", "info_text")
        self._title.setText(remark.title)
        if remark.text != self._long.words():
            self._short.setVisible(is_long)
            self._long.setVisible(not is_long)
        self._short.setText(remark.text)
        self._long.setText(remark.text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        opened = self._long.isVisible()
        if len(self._long.words()) > LONG_REMARK:
            self._long.setVisible(not opened)
            self._short.setVisible(opened)


class ScanBar(QFrame):
    """The last scan: colour, shape, one word, one sentence. Trouble stays until the next good scan or a touch.

    ``offer`` is what can be done about it, where something can.
    """

    acknowledged = Signal()

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._view: ScanView | None = None
        self.setProperty("role", "card")
        self._icon = IconView(kit, "size.icon_l")
        self._head = PlainLabel(role="title")
        self._text = PlainLabel(role="body", lines=2)
        self.offer = BigButton(kit, "packing.bind_offer", icon="scanner", key=KEYS.bind)
        self.offer.hide()
        self._seen: BigButton | None = None
        layout = QHBoxLayout(self)
        pad(kit, layout, "space.s", "space.m")
        layout.addSpacing(kit.theme.px("space.xs"))
        layout.addWidget(self._icon)
        layout.addWidget(self._head)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.offer)
        kit.theme.bind(self, lambda: self.setFixedHeight(kit.theme.px("size.bar")))
        kit.i18n.bind(self, self._render)

    @property
    def view(self) -> ScanView | None:
        return self._view

    def show_scan(self, view: ScanView | None, *, offers: bool = False) -> None:
        self._view = view
        self.offer.setVisible(offers)
        self._render()

    def show_apart(self, is_apart: bool) -> None:
        """Whether a slip and a label that do not match wait for somebody to see to it; the way on is made when it is
        first shown."""
        if self._seen is None and is_apart:
            self._seen = BigButton(self._kit, "packing.pair_seen", icon="check", key=KEYS.ack)
            self._seen.clicked.connect(self.acknowledged)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self._seen)
        if self._seen is not None:
            self._seen.setVisible(is_apart)

    def words(self) -> str:
        return f"{self._head.words()} {self._text.words()}".strip()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._view is not None and self._view.stays:
            self.acknowledged.emit()

    def _render(self) -> None:
        view = self._view
        restate(self, "state", view.state if view else "")
        self._icon.show_icon(
            state_icon(view.state) if view else "scanner", f"{view.state}_text" if view else "faint"
        )
        self._head.setText(view.head if view else "")
        self._head.setVisible(view is not None)
        self._head.set_state(view.state if view else None)
        self._text.setText(view.text if view else self._kit.i18n.tr("packing.scan_none"))
        self._text.set_role("lead" if view else "muted")
