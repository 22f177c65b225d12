"""Charts as SVG text, without a library: where a score stands among others, and a quantity over the steps."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

OWN = "this run"

_WIDTH, _HEIGHT, _MARGIN = 400, 56, 16  # of a dot plot
_OWN_LANE, _OTHERS_LANE = 12, 31
_LINE_WIDTH, _LINE_HEIGHT = 360, 180  # of a line chart
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 8, 24
_MOST_DECADES = 8
_MOST_POINTS = 1000  # on a line; more would not be seen
_STRAY = 4  # times the range of nearly all values, from which on the last few are left to the edge


@dataclass(frozen=True)
class Axis:
    """From values to places between 0 and 1; what lies outside is put on the edge."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of_decades(cls, values: Sequence[float]) -> "Axis":
        """Logarithmic, of whole decades around the values above 0; one more for values that are not."""
        positive = [value for value in values if value > 0 and math.isfinite(value)] or [1.0]
        last = math.floor(math.log10(max(positive))) + 1
        first = math.floor(math.log10(min(positive))) - (min(values) <= 0)
        first = max(first, last - _MOST_DECADES)
        return cls(10.0**first, 10.0**last, True)

    def place(self, value: float) -> float:
        """Where the value is."""
        if self.logarithmic:
            low, high = math.log10(self.low), math.log10(self.high)
            value = math.log10(value) if value > 0 else low
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """A few round values within the axis."""
        if not self.logarithmic:
            return round_values(self.low, self.high, 4)
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1, -(-(last - first) // 5))]


def mark(name: str, x: float = 7, y: float = 7) -> str:
    """The sign of the run or of a baseline, told apart by its form alone."""
    if name == OWN:
        return f'<circle class="own" cx="{x:.1f}" cy="{y}" r="5.5"/>'
    return f'<path class="other" transform="translate({x:.1f} {y})" d="{_FORMS.get(name, _TRIANGLE)}"/>'


_FORMS = {
    "real": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",  # a circle
    "copies": "M-4.5 -4.5h9v9h-9z",
    "noisy copies": "M0 -6l6 6l-6 6l-6 -6z",
    "noise": "M-4.5 -4.5l9 9m0 -9l-9 9",
    "n-gram": "M0 -6l6 6l-6 6l-6 -6z",
    "independent": "M-4.5 -4.5l9 9m0 -9l-9 9",
    "copula": "M0 -6l6 6l-6 6l-6 -6z",
}
_TRIANGLE = "M0 -5l5.5 10h-11z"


def dot_plot(
    value: float,
    interval: tuple[float, float] | None,
    others: Mapping[str, float],
    axis: Axis,
    better: str,
    text: Callable[[float], str],
    tick: Callable[[float], str],
) -> str:
    """The run's score with its interval above the axis, those of the baselines on it.

    Args:
        better: "lower" or "higher", to which end an arrow points, or "near X", where a line stands.
        text, tick: how values are written, in words and at the axis.
    """

    def place(each: float) -> float:
        return _MARGIN + axis.place(each) * (_WIDTH - 2 * _MARGIN)

    below = axis.logarithmic and min(value, *others.values()) < axis.low
    parts = [_axis(axis, place, tick, below), _direction(better, place)]
    parts += [mark(name, place(each), _OTHERS_LANE) for name, each in others.items()]
    if interval is not None:
        ends = (place(each) for each in interval)
        parts.append('<path class="interval" d="M{:.1f} {y}H{:.1f}"/>'.format(*ends, y=_OWN_LANE))
    parts.append(mark(OWN, place(value), _OWN_LANE))
    said = "; ".join(f"{name} {text(each)}" for name, each in {OWN: value, **others}.items())
    return _svg("dots", _WIDTH, _HEIGHT, said, parts)


def _axis(axis: Axis, place: Callable[[float], float], tick: Callable[[float], str], below: bool) -> str:
    parts = [f'<path class="axis" d="M{_MARGIN} {_OTHERS_LANE}H{_WIDTH - _MARGIN}"/>']
    for number, value in enumerate(axis.ticks()):
        x = place(value)
        words = ("\N{LESS-THAN OR EQUAL TO}" if below and number == 0 else "") + tick(value)
        # A long one at the end would leave the chart.
        x_of_words = min(x, _WIDTH - 3.3 * len(words))
        parts.append(f'<path class="axis" d="M{x:.1f} {_OTHERS_LANE}v9"/>')
        parts.append(f'<text x="{x_of_words:.1f}" y="52" text-anchor="middle">{escape(words)}</text>')
    return "".join(parts)


def _direction(better: str, place: Callable[[float], float]) -> str:
    if better.startswith("near "):
        return f'<path class="target" d="M{place(float(better[5:])):.1f} 0V{_OTHERS_LANE + 9}"/>'
    start, end, back = (_MARGIN, 4, 6) if better == "lower" else (_WIDTH - _MARGIN, _WIDTH - 4, -6)
    return f'<path class="axis" d="M{start} {_OTHERS_LANE}H{end}m{back} -4l{-back} 4l{back} 4"/>'


def line_chart(
    steps: Sequence[float],
    values: Sequence[float | None],
    name: str,
    tick: Callable[[float], str],
    over: str = "the steps",
) -> str:
    """A quantity over the steps; what is missing leaves a gap, and a few strays are put on the edge."""
    stride = -(-len(steps) // _MOST_POINTS)
    x = np.asarray(steps, float)[::stride]
    y = np.array([math.nan if value is None else value for value in values], float)[::stride]
    across, up = Axis(min(0.0, x.min()), max(x.max(), x.min() + 1)), Axis(*bounds(y))
    wide, high = _LINE_WIDTH - _LEFT - _RIGHT, _LINE_HEIGHT - _TOP - _BOTTOM

    def point(step: float, value: float) -> str:
        return f"{_LEFT + across.place(step) * wide:.1f} {_TOP + (1 - up.place(value)) * high:.1f}"

    parts = []
    for value in round_values(up.low, up.high, 4):
        level = _TOP + (1 - up.place(value)) * high
        parts.append(f'<path class="rule" d="M{_LEFT} {level:.1f}h{wide}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{escape(tick(value))}</text>')
    for value in round_values(across.low, across.high, 4):
        words = tick(value)
        left = min(_LEFT + across.place(value) * wide, _LINE_WIDTH - 3.3 * len(words))
        parts.append(f'<text x="{left:.1f}" y="{_LINE_HEIGHT - 6}" text-anchor="middle">{escape(words)}</text>')
    parts += _lines(y, lambda place: point(x[place], y[place]))
    return _svg("lines", _LINE_WIDTH, _LINE_HEIGHT, f"{name} over {over}", parts)


def _lines(values: np.ndarray, point: Callable[[int], str]) -> list[str]:
    """One line for each stretch of values without a gap."""
    known = np.isfinite(values)
    stretches = np.split(np.arange(len(values)), np.flatnonzero(np.diff(known)) + 1)
    lines = ["L".join(map(point, stretch)) for stretch in stretches if known[stretch[0]]]
    # A point alone is a line that leads nowhere, so that its round ends are drawn.
    return [f'<path class="line" d="M{line}{"" if "L" in line else "h0"}"/>' for line in lines]


def bounds(values: np.ndarray) -> tuple[float, float]:
    """The ends of an axis for the values, with some air; a few strays would make a flat line of all the others."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = known.min(), known.max()
    first, last = np.quantile(known, [0.02, 0.98])
    if high - low > _STRAY * (last - first) > 0:
        low, high = max(low, 1.5 * first - 0.5 * last), min(high, 1.5 * last - 0.5 * first)
    air = 0.05 * (high - low) or max(abs(high), 1.0) * 0.1
    return float(low - air), float(high + air)


def round_values(low: float, high: float, count: int) -> list[float]:
    """About `count` values that are multiples of 1, 2, 2.5 or 5 times a power of ten, from low to high."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _svg(kind: str, width: float, height: float, said: str, parts: list[str]) -> str:
    start = f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}">'
    return f"{start}{''.join(parts)}</svg>"
