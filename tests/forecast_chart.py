"""Draws the chart of docs/forecast.md from a simulated company: `python -m tests.forecast_chart` writes it.

Left: the next month as forecast at each month end, with the actual outcome. Right: calibration, that is how often the
sellers' outcomes lay below each forecast quantile.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from domain.forecasting.backtest import Horizon, Level, Made, came
from tests.domain.forecasting.synthetic_backtests import end_of, forecast
from tests.domain.forecasting.synthetic_companies import Law, world

FILE: Final = Path(__file__).parents[1] / "docs" / "forecast.svg"
LAW: Final = Law(months=30, growth=0.01, season=(0.8, 0.95, 1.25), stuck=0.3)
SEED: Final = 3
FIRST: Final = 8  # the month at whose end the first forecast is made
_HIGH, _TOP, _LEFT, _WIDE = 220, 46, 58, 470
_RIGHT, _SIDE = 600, 220
_STYLE: Final = """
  text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold } .grid { stroke: #ddd } .axis { stroke: #666 }
  .range { fill: #9ec5e8 } .median { stroke: #1f5f99; stroke-width: 2 } .came { fill: #c0392b }
  .ours { stroke: #1f5f99; stroke-width: 2; fill: none } .dot { fill: #1f5f99 } .even { stroke: #999; stroke-dasharray: 4 4 }
"""


def drawn() -> str:
    """Return the chart as SVG; coordinates are rounded, so that floating point differences between machines vanish."""
    table = world(LAW, SEED)
    made = [
        each
        for month in range(FIRST, LAW.months)
        for each in forecast(LAW, table, end_of(month))
        if each.horizon is Horizon.MONTH
    ]
    results = [came(table, each) for each in made]
    whole = [(each, value) for each, value in zip(made, results, strict=True) if each.group.level is Level.COMPANY]
    sellers = [(each, value) for each, value in zip(made, results, strict=True) if each.group.level is Level.SELLERS]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 330" width="860" height="330" role="img"'
            ' aria-label="Forecasts of the next month and what came">',
            f"<style>{_STYLE}</style>",
            '<rect width="860" height="330" fill="#fff"/>',
            *_fan(whole),
            *_below(sellers),
            "</svg>\n",
        ]
    )


def _fan(pairs: Sequence[tuple[Made, float]]) -> list[str]:
    most = max(max(each.high, value) for each, value in pairs) / 100_000  # cents to thousands
    step = next(each for each in (50, 100, 200, 250, 500, 1000) if most / each <= 5)
    top = -(-most // step) * step

    def y(amount: float) -> int:
        return _TOP + _HIGH - round(amount / 100_000 / top * _HIGH)

    found = [_text(_LEFT, 26, "Next month in thousands, forecast at each month's end", "title")]
    for at in range(0, int(top) + 1, step):
        line = y(at * 100_000)
        found += [
            f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _WIDE}" y1="{line}" y2="{line}"/>',
            _text(_LEFT - 6, line + 4, f"{at}", anchor="end"),
        ]
    width = _WIDE / len(pairs)
    for n, (each, value) in enumerate(pairs):
        x, high, low = round(_LEFT + (n + 0.5) * width), y(each.high), y(each.low)
        found += [
            f'<rect class="range" x="{x - 6}" y="{high}" width="12" height="{low - high}"/>',
            f'<line class="median" x1="{x - 6}" x2="{x + 6}" y1="{y(each.median)}" y2="{y(each.median)}"/>',
            f'<circle class="came" cx="{x}" cy="{y(value)}" r="4"/>',
            *([_text(x, _TOP + _HIGH + 18, f"{n + 1}", anchor="middle")] if n % 3 == 0 else []),
        ]
    held = sum(each.low <= value <= each.high for each, value in pairs)
    legend = _TOP + _HIGH + 46
    return [
        *found,
        f'<rect class="range" x="{_LEFT}" y="{legend - 10}" width="12" height="12"/>',
        _text(_LEFT + 18, legend, "p10 to p90"),
        f'<line class="median" x1="{_LEFT + 98}" x2="{_LEFT + 110}" y1="{legend - 4}" y2="{legend - 4}"/>',
        _text(_LEFT + 116, legend, "median"),
        f'<circle class="came" cx="{_LEFT + 182}" cy="{legend - 4}" r="4"/>',
        _text(_LEFT + 192, legend, f"what came: in {held} of {len(pairs)} months within the range"),
    ]


def _below(pairs: Sequence[tuple[Made, float]]) -> list[str]:
    shares = (10, 50, 90)
    limits = [(each.low, each.median, each.high) for each, _ in pairs]
    came_ = np.array([value for _, value in pairs])
    found = [round(100 * float((came_ <= np.array(column)).mean())) for column in zip(*limits, strict=True)]

    def at(share: float, result: float) -> tuple[int, int]:
        return _RIGHT + round(share / 100 * _SIDE), _TOP + _HIGH - round(result / 100 * _HIGH)

    points = [at(share, result) for share, result in zip(shares, found, strict=True)]
    lines = [_text(_RIGHT, 26, f"How often it was so: {len(pairs)} sellers' months", "title")]
    for each in (0, 25, 50, 75, 100):
        (x, y), bottom = at(each, each), _TOP + _HIGH
        lines += [
            f'<line class="grid" x1="{_RIGHT}" x2="{_RIGHT + _SIDE}" y1="{y}" y2="{y}"/>',
            _text(_RIGHT - 6, y + 4, f"{each}", anchor="end"),
            _text(x, bottom + 18, f"{each}", anchor="middle"),
        ]
    (x1, y1), (x2, y2) = at(0, 0), at(100, 100)
    path = " ".join(f"{x},{y}" for x, y in points)
    lines += [
        f'<line class="even" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>',
        f'<polyline class="ours" points="{path}"/>',
        *(f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>' for x, y in points),
        *(
            _text(x + 9, y + 14, f"p{share}: {result} %")
            for (x, y), share, result in zip(points, shares, found, strict=True)
            if share < 90
        ),
        _text(points[2][0] - 9, points[2][1] - 9, f"p90: {found[2]} %", anchor="end"),
        _text(_RIGHT, _TOP + _HIGH + 46, "promised (across), came (up), in per cent"),
    ]
    return lines


def _text(x: int, y: int, said: str, kind: str = "", anchor: str = "start") -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text{of} x="{x}" y="{y}" text-anchor="{anchor}">{said}</text>'


if __name__ == "__main__":
    FILE.write_text(drawn())
