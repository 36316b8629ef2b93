"""Draws the chart of docs/forecast.md from a simulated company: `python -m tests.forecast_chart` writes it.

Left: the next month as forecast at each month end, with the actual outcome. Right: calibration, that is how often the
sellers' outcomes lay below each forecast quantile.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from domain.forecasting.backtest import BacktestForecast, Horizon, Level, actual_outcome
from tests.domain.forecasting.synthetic_backtests import end_of, forecast_month_end
from tests.domain.forecasting.synthetic_companies import CompanyLaw, simulate_company

CHART_FILE: Final = Path(__file__).parents[1] / "docs" / "forecast.svg"
LAW: Final = CompanyLaw(months=30, growth=0.01, season=(0.8, 0.95, 1.25), stuck=0.3)
SEED: Final = 3
FIRST_MONTH: Final = 8  # the month at whose end the first forecast is made
_CHART_HEIGHT, _CHART_TOP, _LEFT_CHART_X, _LEFT_CHART_WIDTH = 220, 46, 58, 470
_RIGHT_CHART_X, _RIGHT_CHART_WIDTH = 600, 220
_STYLE: Final = """
  text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold } .grid { stroke: #ddd } .axis { stroke: #666 }
  .range { fill: #9ec5e8 } .median { stroke: #1f5f99; stroke-width: 2 } .actual { fill: #c0392b }
  .observed { stroke: #1f5f99; stroke-width: 2; fill: none } .dot { fill: #1f5f99 } .ideal { stroke: #999; stroke-dasharray: 4 4 }
"""


def draw_chart() -> str:
    """Return the chart as SVG; coordinates are rounded, so that floating point differences between machines vanish."""
    table = simulate_company(LAW, SEED)
    forecasts = [
        item
        for month in range(FIRST_MONTH, LAW.months)
        for item in forecast_month_end(LAW, table, end_of(month), [Horizon.MONTH])
    ]
    outcomes = [actual_outcome(table, item) for item in forecasts]
    company_pairs = [
        (item, outcome) for item, outcome in zip(forecasts, outcomes, strict=True) if item.group.level is Level.COMPANY
    ]
    seller_pairs = [
        (item, outcome) for item, outcome in zip(forecasts, outcomes, strict=True) if item.group.level is Level.SELLERS
    ]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 330" width="860" height="330" role="img"'
            ' aria-label="Forecasts of the next month and the actual amounts">',
            f"<style>{_STYLE}</style>",
            '<rect width="860" height="330" fill="#fff"/>',
            *_draw_intervals(company_pairs),
            *_draw_calibration(seller_pairs),
            "</svg>\n",
        ]
    )


def _draw_intervals(pairs: Sequence[tuple[BacktestForecast, float]]) -> list[str]:
    max_thousands = max(max(forecast.high, outcome) for forecast, outcome in pairs) / 100_000  # cents to thousands
    step = next(candidate for candidate in (50, 100, 200, 250, 500, 1000) if max_thousands / candidate <= 5)
    axis_max = -(-max_thousands // step) * step

    def y(amount: float) -> int:
        return _CHART_TOP + _CHART_HEIGHT - round(amount / 100_000 / axis_max * _CHART_HEIGHT)

    elements = [_text(_LEFT_CHART_X, 26, "Forecast of the next month (thousands), at each month end", "title")]
    for tick in range(0, int(axis_max) + 1, step):
        tick_y = y(tick * 100_000)
        elements += [
            f'<line class="grid" x1="{_LEFT_CHART_X}" x2="{_LEFT_CHART_X + _LEFT_CHART_WIDTH}" y1="{tick_y}" y2="{tick_y}"/>',
            _text(_LEFT_CHART_X - 6, tick_y + 4, f"{tick}", anchor="end"),
        ]
    width = _LEFT_CHART_WIDTH / len(pairs)
    for n, (forecast, outcome) in enumerate(pairs):
        x, high_y, low_y = round(_LEFT_CHART_X + (n + 0.5) * width), y(forecast.high), y(forecast.low)
        elements += [
            f'<rect class="range" x="{x - 6}" y="{high_y}" width="12" height="{low_y - high_y}"/>',
            f'<line class="median" x1="{x - 6}" x2="{x + 6}" y1="{y(forecast.median)}" y2="{y(forecast.median)}"/>',
            f'<circle class="actual" cx="{x}" cy="{y(outcome)}" r="4"/>',
            *([_text(x, _CHART_TOP + _CHART_HEIGHT + 18, f"{n + 1}", anchor="middle")] if n % 3 == 0 else []),
        ]
    inside_count = sum(forecast.low <= outcome <= forecast.high for forecast, outcome in pairs)
    legend_y = _CHART_TOP + _CHART_HEIGHT + 46
    return [
        *elements,
        f'<rect class="range" x="{_LEFT_CHART_X}" y="{legend_y - 10}" width="12" height="12"/>',
        _text(_LEFT_CHART_X + 18, legend_y, "p10 to p90"),
        f'<line class="median" x1="{_LEFT_CHART_X + 98}" x2="{_LEFT_CHART_X + 110}" y1="{legend_y - 4}" y2="{legend_y - 4}"/>',
        _text(_LEFT_CHART_X + 116, legend_y, "median"),
        f'<circle class="actual" cx="{_LEFT_CHART_X + 182}" cy="{legend_y - 4}" r="4"/>',
        _text(
            _LEFT_CHART_X + 192, legend_y, f"actual amount: within p10 to p90 in {inside_count} of {len(pairs)} months"
        ),
    ]


def _draw_calibration(pairs: Sequence[tuple[BacktestForecast, float]]) -> list[str]:
    shares = (10, 50, 90)
    limits = [(forecast.low, forecast.median, forecast.high) for forecast, _ in pairs]
    outcomes = np.array([value for _, value in pairs])
    shares_below = [round(100 * float((outcomes <= np.array(column)).mean())) for column in zip(*limits, strict=True)]

    def position(share: float, share_below: float) -> tuple[int, int]:
        return _RIGHT_CHART_X + round(share / 100 * _RIGHT_CHART_WIDTH), _CHART_TOP + _CHART_HEIGHT - round(
            share_below / 100 * _CHART_HEIGHT
        )

    points = [position(share, share_below) for share, share_below in zip(shares, shares_below, strict=True)]
    elements = [_text(_RIGHT_CHART_X, 26, f"Calibration: {len(pairs)} months of sellers", "title")]
    for tick in (0, 25, 50, 75, 100):
        (x, y), bottom = position(tick, tick), _CHART_TOP + _CHART_HEIGHT
        elements += [
            f'<line class="grid" x1="{_RIGHT_CHART_X}" x2="{_RIGHT_CHART_X + _RIGHT_CHART_WIDTH}" y1="{y}" y2="{y}"/>',
            _text(_RIGHT_CHART_X - 6, y + 4, f"{tick}", anchor="end"),
            _text(x, bottom + 18, f"{tick}", anchor="middle"),
        ]
    (x1, y1), (x2, y2) = position(0, 0), position(100, 100)
    path = " ".join(f"{x},{y}" for x, y in points)
    elements += [
        f'<line class="ideal" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>',
        f'<polyline class="observed" points="{path}"/>',
        *(f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>' for x, y in points),
        *(
            _text(x + 9, y + 14, f"p{share}: {share_below} %")
            for (x, y), share, share_below in zip(points, shares, shares_below, strict=True)
            if share < 90
        ),
        _text(points[2][0] - 9, points[2][1] - 9, f"p90: {shares_below[2]} %", anchor="end"),
        _text(_RIGHT_CHART_X, _CHART_TOP + _CHART_HEIGHT + 46, "x: quantile, y: observed share, in %"),
    ]
    return elements


def _text(x: int, y: int, content: str, kind: str = "", anchor: str = "start") -> str:
    class_attribute = f' class="{kind}"' if kind else ""
    return f'<text{class_attribute} x="{x}" y="{y}" text-anchor="{anchor}">{content}</text>'


if __name__ == "__main__":
    CHART_FILE.write_text(draw_chart())
