"""Charts as small SVG files that are readable on light and on dark screens, from numbers that are given.

Pure: numbers in, text out. Knows nothing of what was measured.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 76, 62  #: pixels around the plot; a legend takes more at the top
ROW, NAMES = 25, 310  #: height of a bar with its gap; width of the names before bars
LEGEND, LETTER = 20, 6.9  #: height of a line of the legend, width of a letter
STEPS = (1, 2, 2.5, 5, 10)
STYLE = """
text{font:13px system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}.dim{fill:#59636e}.end{text-anchor:end}.mid{text-anchor:middle}
.page{fill:#fff}.grid{stroke:#d8dee4;fill:none}.line{fill:none;stroke-width:2.2;stroke-linejoin:round}
.floor{stroke-dasharray:6 4;stroke-width:1.8}.dot{stroke:none}
.s0{stroke:#0969da;fill:#0969da}.s1{stroke:#bc4c00;fill:#bc4c00}.s2{stroke:#1a7f37;fill:#1a7f37}
.s3{stroke:#8250df;fill:#8250df}.f0{stroke:#6e7781;fill:#6e7781}.f1{stroke:#9a6700;fill:#9a6700}
.f2{stroke:#424a53;fill:#424a53}.line{fill:none}.bar{stroke:none}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.page{fill:#0d1117}.grid{stroke:#2b323b}
.s0{stroke:#58a6ff;fill:#58a6ff}.s1{stroke:#f0883e;fill:#f0883e}.s2{stroke:#3fb950;fill:#3fb950}
.s3{stroke:#bc8cff;fill:#bc8cff}.f0{stroke:#8b949e;fill:#8b949e}.f1{stroke:#d4a72c;fill:#d4a72c}
.f2{stroke:#b7bdc8;fill:#b7bdc8}.line{fill:none}.bar{stroke:none}.dot{stroke:none}}
""".replace("\n", "")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name and its points; a floor is drawn dashed and in a quieter colour."""

    name: str
    points: Sequence[tuple[float, float]]
    floor: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis says, and whether equal steps are equal factors; `ticks` where the values are the marks."""

    label: str
    log: bool = False
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    name: str
    value: float
    floor: bool = False


def short(number: float) -> str:
    """
    A number as a mark on an axis has room for.

    >>> [short(one) for one in (0, 0.05, 2.5, 64, 1024, 100_000, 2_500_000)]
    ['0', '0.05', '2.5', '64', '1,024', '100,000', '2.5M']
    """
    if abs(number) >= 1_000_000:
        return f"{number / 1_000_000:g}M"
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"


def marks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers on an axis from `low` to at least `high`."""
    if high <= low:
        high = low + 1
    power: float = 10 ** math.floor(math.log10((high - low) / most))
    step = next(one * power for one in STEPS if one * power * most >= high - low)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from below `low` to above `high`, with 2 and 5 between where there are few."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    between = (1, 2, 5) if last - first <= 3 else (1,)
    found = [one * 10.0**power for power in range(first, last) for one in between] + [10.0**last]
    while len(found) > 2 and found[1] <= low:
        found.pop(0)
    while len(found) > 2 and found[-2] >= high:
        found.pop()
    return found


def lines(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Lines over two axes."""
    across = [point[0] for one in series for point in one.points]
    up = [point[1] for one in series for point in one.points]
    across_marks = list(x.ticks) or (decades(min(across), max(across)) if x.log else marks(min(across), max(across)))
    up_marks = decades(min(up), max(up)) if y.log else marks(0, max(up))
    kinds = _kinds(series)
    legend, more = _legend([(one.name, kind) for one, kind in zip(series, kinds, strict=True)])
    top, bottom = TOP + more, HEIGHT + more - BOTTOM
    place_x = _scale(x.log, min(*across_marks, *across), max(*across_marks, *across), LEFT, WIDTH - RIGHT)
    place_y = _scale(y.log, min(*up_marks, *up), max(*up_marks, *up), bottom, top)

    def parts() -> Iterator[str]:
        for mark in up_marks:
            yield f'<path class="grid" d="M{LEFT} {place_y(mark):.1f}H{WIDTH - RIGHT}"/>'
            yield f'<text class="end dim" x="{LEFT - 8}" y="{place_y(mark) + 4.5:.1f}">{short(mark)}</text>'
        for mark in across_marks:
            yield f'<path class="grid" d="M{place_x(mark):.1f} {top}V{bottom}"/>'
            yield f'<text class="mid dim" x="{place_x(mark):.1f}" y="{bottom + 20}">{short(mark)}</text>'
        yield f'<text class="mid dim" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{bottom + 46}">{escape(x.label)}</text>'
        yield f'<text class="dim" x="24" y="{top - 14}">{escape(y.label)}</text>'
        yield legend
        for one, kind in sorted(zip(series, kinds, strict=True), key=lambda pair: not pair[0].floor):  # floors below
            told = [(place_x(point[0]), place_y(point[1])) for point in one.points]
            path = "L".join(f"{left:.1f} {up:.1f}" for left, up in told)
            yield f'<path class="line {kind}{" floor" if one.floor else ""}" d="M{path}"/>'
            if len(told) <= 20:
                yield from (f'<circle class="dot {kind}" cx="{a:.1f}" cy="{b:.1f}" r="3.4"/>' for a, b in told)

    return _svg(title, HEIGHT + more, parts())


def bars(title: str, unit: str, rows: Sequence[Bar], *, log: bool = False) -> str:
    """Horizontal bars, each with its number; on a logarithmic scale they begin at a round number below the least."""
    values = [one.value for one in rows]
    found = decades(min(values) * 0.9, max(values)) if log else marks(0, max(values))
    height = TOP - 12 + ROW * len(rows) + BOTTOM - 14
    place = _scale(log, found[0], found[-1], NAMES, WIDTH - RIGHT - 46)
    bottom = height - BOTTOM + 12

    def parts() -> Iterator[str]:
        for mark in found:
            yield f'<path class="grid" d="M{place(mark):.1f} {TOP - 18}V{bottom}"/>'
            yield f'<text class="mid dim" x="{place(mark):.1f}" y="{bottom + 18}">{short(mark)}</text>'
        yield f'<text class="mid dim" x="{(NAMES + WIDTH - RIGHT) / 2:.0f}" y="{height - 10}">{escape(unit)}</text>'
        for number, one in enumerate(rows):
            top = TOP - 12 + ROW * number
            width = max(1.0, place(one.value) - NAMES)
            yield f'<text class="end" x="{NAMES - 8}" y="{top + 14}">{escape(one.name)}</text>'
            kind = "f0" if one.floor else "s0"
            yield f'<rect class="bar {kind}" x="{NAMES}" y="{top + 1}" width="{width:.1f}" height="{ROW - 7}" rx="2"/>'
            yield f'<text class="dim" x="{NAMES + width + 6:.1f}" y="{top + 14}">{_told(one.value)}</text>'

    return _svg(title, height, parts())


def _told(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _kinds(series: Sequence[Series]) -> list[str]:
    """A colour for each line: one row of them for what is measured, one for floors."""
    counts = {True: 0, False: 0}
    found = []
    for one in series:
        found.append(f"f{counts[True] % 3}" if one.floor else f"s{counts[False] % 4}")
        counts[one.floor] += 1
    return found


def _scale(log: bool, low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Where a value stands between two places."""
    low, high = (math.log(low), math.log(high)) if log else (low, high)
    width = high - low or 1.0
    return lambda value: start + (end - start) * ((math.log(value) if log else value) - low) / width


def _legend(names: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """The lines' names above the plot, and how much more height they take."""
    left, top, found = 24.0, 45, []
    for name, kind in names:
        width = 46 + LETTER * len(name)
        if left + width > WIDTH:
            left, top = 24.0, top + LEGEND
        dashes = " floor" if kind.startswith("f") else ""
        found.append(f'<path class="line {kind}{dashes}" d="M{left:.0f} {top}h24"/>')
        found.append(f'<text x="{left + 30:.0f}" y="{top + 4.5}">{escape(name)}</text>')
        left += width
    return "".join(found), top - 45 + LEGEND


def _svg(title: str, height: int, parts: Iterator[str]) -> str:
    named = escape(title, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{named}"><title>{named}</title><style>{STYLE}</style>'
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>'
        f'<text class="title" x="24" y="26">{named}</text>{"".join(parts)}</svg>\n'
    )
