"""Charts of columns by matplotlib, as SVG in data: URIs: real rows and samples, and what goes together."""

import base64
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.representations.rows.columns import DATE, DATETIME, Column

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL_COLOUR, SAMPLE_COLOUR = "#9aa3ad", "#1f5fd0"
MOST_BARS = 12  # categories that are shown by themselves
_MOST_BINS = 40
_LONGEST = 18  # characters of a category or a column at an axis
_EDGE = 0.005  # of the values on either side, that are put into the last bins: one stray would make a flat chart
_SECONDS_A_DAY = 86_400.0


def marginal(column: Column, real: np.ndarray, generated: np.ndarray) -> str:
    """The shares of one column's values in real rows and in samples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 2.4), layout="constrained")
    axes = figure.subplots()
    (_numbers if column.is_numeric else _categories)(axes, column, real, generated)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return _uri(figure)


def _numbers(axes: Any, column: Column, real: np.ndarray, generated: np.ndarray) -> None:
    shown, others = (values[~np.isnan(values)] for values in (real, generated))
    if column.kind in (DATE, DATETIME):
        import matplotlib.dates as dates

        days = _SECONDS_A_DAY if column.kind == DATETIME else 1.0
        shown, others = shown / days, others / days
        axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=5))
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    edges = _edges(shown if len(shown) else others)
    for values, size, style in (
        (shown, len(real), {"histtype": "stepfilled", "color": REAL_COLOUR, "alpha": 0.6, "label": "real"}),
        (others, len(generated), {"histtype": "step", "color": SAMPLE_COLOUR, "linewidth": 1.6, "label": "samples"}),
    ):
        inside = np.clip(values, edges[0], edges[-1])
        axes.hist(inside, bins=edges, weights=np.full(len(values), 1 / max(size, 1)), **style)
    lost = [np.mean(np.isnan(values)) for values in (real, generated)]
    if max(lost) > 0:
        axes.set_title(f"missing: real {lost[0]:.1%}, samples {lost[1]:.1%}", fontsize=8, color="#59616d", loc="right")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")


def _edges(values: np.ndarray) -> np.ndarray:
    """Of bins: around each value where there are few whole ones, else between all but the outermost values."""
    if not len(values):
        return np.array([0.0, 1.0])
    distinct = np.unique(values)
    low, high = np.quantile(values, [_EDGE, 1 - _EDGE])
    if np.all(distinct == np.round(distinct)) and high - low < _MOST_BINS:
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    if high <= low:  # nearly all values are one
        low, high = distinct[0], distinct[-1]
    if high <= low:
        low, high = low - 0.5, high + 0.5
    # No bin narrower than the steps that whole numbers are written in.
    count = _MOST_BINS
    if np.all(distinct == np.round(distinct)):
        count = int((high - low) // np.ceil((high - low) / _MOST_BINS))
    return np.linspace(low, high, max(count, 2) + 1)


def _categories(axes: Any, column: Column, real: np.ndarray, generated: np.ndarray) -> None:
    size = len(column.categories)
    shares = np.stack([np.bincount(codes + 1, minlength=size + 1) / max(len(codes), 1) for codes in (real, generated)])
    order = 1 + np.argsort(-shares[0, 1:], kind="stable")[:MOST_BARS]
    names = [_short(column.categories[place - 1]) for place in order]
    bars = [shares[:, place] for place in order]
    rest = shares.sum(axis=1) - shares[:, order].sum(axis=1) - shares[:, 0]
    if size > MOST_BARS:
        names.append(f"{size - MOST_BARS:,} others")
        bars.append(rest)
    if shares[:, 0].any():
        names.append("missing")
        bars.append(shares[:, 0])
    places = np.arange(len(names))
    for offset, side, colour, label in ((-0.2, 0, REAL_COLOUR, "real"), (0.2, 1, SAMPLE_COLOUR, "samples")):
        axes.barh(places + offset, [bar[side] for bar in bars], 0.4, color=colour, label=label)
    axes.set_yticks(places, names, fontsize=8 if len(names) <= 8 else 6.5)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")


def heat_map(names: list[str], values: np.ndarray, difference: bool = False) -> str:
    """How strongly columns go together, [k, k] from -1 to 1; or by how much two such differ, [k, k]."""
    from matplotlib.figure import Figure

    side = 1.6 + 0.2 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    most = max(0.1, float(np.nanmax(np.abs(values), initial=0.0))) if difference else 1.0
    image = axes.imshow(values, cmap="PuOr_r" if difference else "RdBu_r", vmin=-most, vmax=most)
    axes.set_facecolor("#e4e7eb")  # where nothing can be said
    labels, size = [_short(name) for name in names], 7 if len(names) > 20 else 8
    axes.set_xticks(range(len(names)), labels, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), labels, fontsize=size)
    figure.colorbar(image, ax=axes, shrink=0.7).ax.tick_params(labelsize=7)
    return _uri(figure)


def _short(text: str) -> str:
    # A dollar sign would begin a formula.
    text = "".join(sign if sign.isprintable() else " " for sign in text).replace("$", r"\$")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip("\\") + "\N{HORIZONTAL ELLIPSIS}"


def _uri(figure: "Figure") -> str:
    import matplotlib

    buffer = io.BytesIO()
    # Text stays text: whoever reads the page has fonts for it, from right to left too, which matplotlib's own has not.
    with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
