"""How everything looks: one style sheet and one palette made from the design tokens, light or dark, at any
scale.

    family = load_fonts(resources)            # once, before the first window
    theme = Theme(app, resources, family, mode="light", scale=scale_for(width, height))
    theme.toggle()                            # at once, in every window

Widgets that paint themselves ask `theme.colour("ok_text")`, `theme.px("space.m")`, `theme.font("title")`,
`theme.icon("printer", "muted")` while painting and keep nothing: a switch of scheme or scale then needs no
code in them. What must be measured again (fixed heights) is redone on `changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from ui.binding import bind
from ui.tokens import Mode, State, fill_style, load_tokens

FONT_FILE = "NotoSansSC-Regular.otf"
BOLD_FILE = "OrderdockSans-Bold.ttf"
BOLD_FAMILY = "Orderdock Sans"
"""A drawn bold for GB2312 and Latin; what it lacks comes from the regular family behind it."""

_PALETTE: tuple[tuple[QPalette.ColorRole, str], ...] = (
    (QPalette.ColorRole.Window, "canvas"),
    (QPalette.ColorRole.WindowText, "text"),
    (QPalette.ColorRole.Base, "surface"),
    (QPalette.ColorRole.AlternateBase, "sunken"),
    (QPalette.ColorRole.Text, "text"),
    (QPalette.ColorRole.PlaceholderText, "faint"),
    (QPalette.ColorRole.Button, "surface"),
    (QPalette.ColorRole.ButtonText, "text"),
    (QPalette.ColorRole.BrightText, "stop_text"),
    (QPalette.ColorRole.ToolTipBase, "raised"),
    (QPalette.ColorRole.ToolTipText, "text"),
    (QPalette.ColorRole.Highlight, "selected"),
    (QPalette.ColorRole.HighlightedText, "text"),
    (QPalette.ColorRole.Accent, "ink"),
    (QPalette.ColorRole.Link, "info_text"),
    (QPalette.ColorRole.Light, "surface"),
    (QPalette.ColorRole.Midlight, "hover"),
    (QPalette.ColorRole.Mid, "line"),
    (QPalette.ColorRole.Dark, "line_strong"),
    (QPalette.ColorRole.Shadow, "line"),
)


class FontMissing(RuntimeError):
    """The font file is absent or broken: Chinese would be drawn as empty boxes without a word."""


def load_fonts(resources: Path) -> str:
    """Makes the bundled fonts known to this application and gives the main family; FontMissing without them.

    Needs a QGuiApplication. They are read where they lie, ten megabytes that are then not in memory; where a folder's
    name is too much for the system's own reading of fonts, the bytes are handed over.
    """
    _load_font(resources / "fonts" / BOLD_FILE)
    return _load_font(resources / "fonts" / FONT_FILE)


def _load_font(path: Path) -> str:
    families = _families(QFontDatabase.addApplicationFont(str(path))) or _families_of_bytes(path)
    if not families:
        raise FontMissing(str(path))
    return families[0]


def _families(font: int) -> list[str]:
    return QFontDatabase.applicationFontFamilies(font) if font >= 0 else []


def _families_of_bytes(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FontMissing(str(path)) from error
    return _families(QFontDatabase.addApplicationFontFromData(QByteArray(data)))


def preferred_mode() -> Mode:
    """What the desktop asks for: "dark" only where it says so."""
    hints = QGuiApplication.styleHints()
    return "dark" if hints.colorScheme() == Qt.ColorScheme.Dark else "light"


def restate(widget: QWidget, name: str, value: str) -> None:
    """Sets a dynamic property the style sheet asks for (`[state="ok"]`) and has the widget drawn by it at
    once."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
    widget.update()


class Theme(QObject):
    """The look of one application. Signal `changed` after each switch of scheme or scale."""

    changed = Signal()

    def __init__(
        self, app: QApplication, resources: Path, family: str, *, mode: Mode = "light", scale: float = 1.0
    ) -> None:
        super().__init__(app)
        self.tokens = load_tokens(resources / "tokens.toml")
        self._app = app
        self._resources = resources
        self._sheet = (resources / "style.qss").read_text(encoding="utf-8")
        self._family = family
        self._mode: Mode = mode
        self._scale = scale
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}
        # Fusion everywhere: the platform's own style would mix its shapes into ours.
        app.setStyle(QStyleFactory.create("Fusion"))
        self._apply()

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def scale(self) -> float:
        return self._scale

    @property
    def family(self) -> str:
        return self._family

    def set_mode(self, mode: Mode) -> None:
        if mode != self._mode:
            self._mode = mode
            self._apply()

    def toggle(self) -> None:
        self.set_mode("dark" if self._mode == "light" else "light")

    def set_scale(self, scale: float) -> None:
        if scale != self._scale:
            self._scale = scale
            self._apply()

    def bind(self, owner: QObject, render: Callable[[], object]) -> None:
        """Calls `render` now and after each switch of scheme or scale, for as long as `owner` lives."""
        bind(self.changed, owner, render)

    def colour(self, name: str) -> QColor:
        """A colour token of the present scheme; KeyError for a name tokens.toml does not have."""
        return QColor(self.tokens.colours[self._mode][name])

    def px(self, name: str) -> int:
        """A length token ("type.body", "space.m", "size.touch") in pixels at the present scale."""
        return self.tokens.px(name, self._scale)

    def ms(self, name: str) -> int:
        """A time token in milliseconds."""
        return self.tokens.times[name]

    def font(self, size: str, *, bold: bool = False) -> QFont:
        """The font in the size `type.<size>`: caption, body, lead, title, heading, display, counter, hero."""
        font = QFont([BOLD_FAMILY, self._family] if bold else [self._family])
        font.setPixelSize(self.px(f"type.{size}"))
        font.setBold(bold)
        # Full hinting would pull the thin strokes of dense characters together at 14 px.
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        return font

    def pixmap(self, icon: str, colour: str, px: int, ratio: float = 1.0) -> QPixmap:
        """The drawing resources/icons/<icon>.svg in a colour token, `px` logical pixels square, sharp at
        `ratio`."""
        key = (icon, colour, px, ratio)
        if key not in self._pixmaps:
            self._pixmaps[key] = self._draw(icon, colour, px, ratio)
        return self._pixmaps[key]

    def icon(self, icon: str, colour: str = "text", px: int = 0) -> QIcon:
        """The same as QIcon, for buttons and menus; `px` 0 means size.icon_m."""
        side = px or self.px("size.icon_m")
        made = QIcon()
        for ratio in (1.0, 2.0):
            made.addPixmap(self.pixmap(icon, colour, side, ratio))
        return made

    def app_icon(self) -> QIcon:
        """The icon of the windows and the task bar, in its own colours."""
        made = QIcon()
        for side in (16, 24, 32, 48, 64, 128, 256):
            made.addPixmap(self.pixmap("orderdock", "text", side))
        return made

    def paint_icon(self, painter: QPainter, icon: str, colour: str, rect: QRectF) -> None:
        """Draws an icon into `rect` of a painter at work, sharp on its device."""
        side = round(min(rect.width(), rect.height()))
        device = painter.device()
        picture = self.pixmap(icon, colour, side, device.devicePixelRatio() if device is not None else 1.0)
        at = rect.center()
        painter.drawPixmap(round(at.x() - side / 2), round(at.y() - side / 2), picture)

    def _draw(self, icon: str, colour: str, px: int, ratio: float) -> QPixmap:
        text = (self._resources / "icons" / f"{icon}.svg").read_text(encoding="utf-8")
        renderer = QSvgRenderer(
            QByteArray(text.replace("currentColor", self.colour(colour).name()).encode("utf-8"))
        )
        side = round(px * ratio)
        picture = QPixmap(QSize(side, side))
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter, QRectF(0, 0, side, side))
        painter.end()
        picture.setDevicePixelRatio(ratio)
        return picture

    def _apply(self) -> None:
        self._pixmaps.clear()
        self._app.setFont(self.font("body"))
        self._app.setPalette(self._palette())
        bold = f'font-family: "{BOLD_FAMILY}", "{self._family}"; font-weight: bold'
        words = {"bold": bold, "icons": (self._resources / "icons").as_posix(), "mode": self._mode}
        self._app.setStyleSheet(fill_style(self._sheet, self.tokens, self._mode, self._scale, words))
        self.changed.emit()

    def _palette(self) -> QPalette:
        palette = QPalette()
        for role, name in _PALETTE:
            palette.setColor(role, self.colour(name))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, self.colour("faint"))
        return palette


def state_icon(state: State) -> str:
    """The shape that goes with a state's colour: each has an outline of its own, so it reads without
    colour."""
    return f"state_{state}"
