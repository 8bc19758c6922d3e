# SPDX-License-Identifier: MIT
"""Charts of a file of figures as SVG: throughput and CPU per operation over operations in flight, one line a client.

Made for a page that may be light or dark: the colours follow the reader's. Every line is named at its end.
"""

import json
import math
from html import escape

from cases import BY_NAME

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 212, 62, 54
LABEL_GAP = 17

# (client, on light, on dark, dashes). Redstart has the colour of the bird's tail.
STYLES = (
    ("redstart", "#c2410c", "#ff8f4d", ""),
    ("hiredis", "#1c64a8", "#6db3f2", ""),
    ("boost-redis", "#6741b8", "#b197fc", ""),
    ("redis-py", "#2b7a33", "#74c77c", ""),
    ("redis-py-pipeline", "#2b7a33", "#74c77c", "5 4"),
    ("ioredis", "#8a6400", "#dcb84a", ""),
    ("node-redis", "#0b7285", "#4cc3d6", ""),
    ("glide", "#a61e69", "#f07fb8", ""),
    ("redis-benchmark", "#6b7280", "#9aa3af", "2 4"),
)
LIMIT = "redis-benchmark"  # measured once: no line, but the height that none can pass
CHARTS = (
    ("ops_per_s", "throughput", "operations a second; up is better"),
    ("cpu_us_per_op", "cpu", "CPU time of the client for one operation, in \u00b5s; down is better"),
)


def plot(figures_file, folder):
    """Draws every case that was measured at several depths. Returns the files."""
    figures = json.loads(figures_file.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    lines = {}  # case: {client: [row]}
    for row in figures["results"]:
        lines.setdefault(row["case"], {}).setdefault(row["client"], []).append(row)
    written = []
    for case, clients in lines.items():
        if len({row["in_flight"] for row in clients.get("redstart", [])}) < 2:
            continue
        for metric, name, unit in CHARTS:
            path = folder / f"{case}-{name}.svg"
            path.write_text(Chart(BY_NAME[case].title, unit, figures["machine"], metric, clients).svg())
            written.append(path)
    return written


class Chart:
    def __init__(self, title, unit, machine, metric, clients):
        self._title, self._unit, self._machine, self._metric = title, unit, machine, metric
        points = {
            name: sorted((row["in_flight"], row[metric]) for row in rows if row[metric] > 0)
            for name, rows in clients.items()
        }
        if metric != "ops_per_s":
            points.pop(LIMIT, None)
        self._lines = [(*style, points[style[0]]) for style in STYLES if points.get(style[0])]
        values = [value for *_, line in self._lines for _, value in line]
        self._depths = sorted({depth for name, *_, line in self._lines if name != LIMIT for depth, _ in line})
        self._low, self._high = floor_125(min(values)), ceiling_125(max(values))

    def x(self, depth):
        first, last = math.log(self._depths[0]), math.log(self._depths[-1])
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(depth) - first) / (last - first)

    def y(self, value):
        low, high = math.log(self._low), math.log(self._high)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log(value) - low) / (high - low)

    def svg(self):
        parts = [*self._frame(), *self._axes()]
        for index, (name, _, _, dashes, points) in enumerate(self._lines):
            parts += self._line(index, name, dashes, points)
        parts += self._labels()
        return "\n".join(parts) + "\n</svg>\n"

    def _frame(self):
        light = "".join(f".c{i}{{--c:{style[1]}}}" for i, style in enumerate(self._lines))
        dark = "".join(f".c{i}{{--c:{style[2]}}}" for i, style in enumerate(self._lines))
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
            f' role="img" aria-label="{escape(self._title)}: {escape(self._unit)}">'
        )
        yield (
            "<style>"
            ":root{--paper:#fff;--ink:#1f2328;--soft:#59636e;--grid:#d8dee4}"
            f"{light}"
            "@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--soft:#9198a1;--grid:#2b313a}"
            f"{dark}}}"
            "text{font:12px system-ui,sans-serif;fill:var(--soft)}"
            ".title{font-size:15px;font-weight:600;fill:var(--ink)}"
            ".grid{stroke:var(--grid)}"
            ".line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}"
            ".dot{fill:var(--c)}.name{fill:var(--c);font-weight:600}.lead{stroke:var(--c);opacity:.45}"
            ".main .line{stroke-width:3.5}.machine{font-size:10px}"
            "</style>"
        )
        yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" style="fill:var(--paper)"/>'
        yield f'<text class="title" x="20" y="26">{escape(self._title)}</text>'
        yield f'<text x="20" y="45">{escape(self._unit)}</text>'
        yield f'<text class="machine" x="20" y="{HEIGHT - 10}">{escape(self._machine)}</text>'

    def _axes(self):
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        for value in ticks(self._low, self._high):
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
        for depth in self._depths:
            yield f'<text x="{self.x(depth):.1f}" y="{bottom + 18}" text-anchor="middle">{depth:,}</text>'
        yield f'<text x="{right + 32}" y="{bottom + 18}">in flight</text>'

    def _line(self, index, name, dashes, points):
        kind = f"c{index} main" if name == "redstart" else f"c{index}"
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        if name == LIMIT:
            places = [(LEFT, self.y(points[0][1])), (WIDTH - RIGHT, self.y(points[0][1]))]
            dots = []
        else:
            places = dots = [(self.x(depth), self.y(value)) for depth, value in points]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<g class="{kind}"><polyline class="line" points="{drawn}"{dash}/>'
        yield from (f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>' for x, y in dots)
        yield "</g>"

    def _labels(self):
        """The names at the right, in the order of the lines' ends and clear of each other, each led to by its line."""
        ends = []
        for index, (name, *_, points) in enumerate(self._lines):
            x = WIDTH - RIGHT if name == LIMIT else self.x(points[-1][0])
            ends.append((self.y(points[-1][1]), x, index, f"{name}  {short(points[-1][1])}"))
        ends.sort()
        places = spread([y for y, *_ in ends], LABEL_GAP, TOP, HEIGHT - BOTTOM)
        left = WIDTH - RIGHT + 30
        for (y, x, index, text), place in zip(ends, places):
            yield f'<g class="c{index}">'
            yield f'<path class="lead" fill="none" d="M{x + 5:.1f} {y:.1f}L{left - 14} {place:.1f}H{left - 4}"/>'
            yield f'<text class="name" x="{left}" y="{place + 4:.1f}">{escape(text)}</text></g>'


def spread(wanted, gap, low, high):
    """Places near `wanted`, which is sorted, at least `gap` apart and within the bounds."""
    places = []
    for y in wanted:
        places.append(max(y, low, places[-1] + gap if places else low))
    limit = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    return places


def steps_125(value):
    ten = 10 ** math.floor(math.log10(value))
    return [ten * step for step in (1, 2, 5, 10)]


def floor_125(value):
    return max(step for step in steps_125(value) if step <= value * 1.0001)


def ceiling_125(value):
    return min(step for step in steps_125(value) if step >= value * 0.9999)


def ticks(low, high):
    value, all_of_them = low, []
    while value <= high * 1.0001:
        all_of_them.append(value)
        value = ceiling_125(value * 1.5)
    # Decades alone where there are many.
    if len(all_of_them) > 9:
        decades = [tick for tick in all_of_them if abs(math.log10(tick) - round(math.log10(tick))) < 1e-6]
        return decades if len(decades) > 2 else all_of_them
    return all_of_them


def short(value):
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
