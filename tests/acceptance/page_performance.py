"""Measures how a page loads, from the browser's own entries, and scores it as Lighthouse 10 does for desktops.

The score is made from first contentful paint, largest contentful paint, total blocking time, layout shift and the speed
index; of the last, which needs a film of the page, the mean of both paints is taken. See the scoring calculator of
Lighthouse: each value is placed on a log-normal curve through the 10th percentile (0.9 points) and the median (0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import BrowserContext, Page

_ERFC_INVERSE_OF_FIFTH: Final = 0.9061938024368232  # erfc of it is 0.2, so that the 10th percentile has 0.9 points
OBSERVE: Final = """window.loading = {fcp: 0, lcp: 0, cls: 0, tasks: []};
for (const [type, keep] of [
    ["paint", entry => { if (entry.name === "first-contentful-paint") loading.fcp = entry.startTime; }],
    ["largest-contentful-paint", entry => { loading.lcp = entry.startTime; }],
    ["layout-shift", entry => { if (!entry.hadRecentInput) loading.cls += entry.value; }],
    ["longtask", entry => loading.tasks.push([entry.startTime, entry.duration])],
]) new PerformanceObserver(list => list.getEntries().forEach(keep)).observe({type, buffered: true});"""


@dataclass(frozen=True)
class Curve:
    """Weight of a metric in the score, and its 10th percentile and median of Lighthouse 10 for desktops."""

    weight: float
    p10: float
    median: float

    def score(self, value: float) -> float:
        """Return 0 to 1 point: 0.9 at the 10th percentile, 0.5 at the median."""
        if value <= 0:
            return 1.0
        place = math.log(value / self.median) * _ERFC_INVERSE_OF_FIFTH / -math.log(self.p10 / self.median)
        return (1 - math.erf(place)) / 2


CURVES: Final = {
    "fcp": Curve(0.10, 934, 1600),
    "speed": Curve(0.10, 1311, 2300),
    "lcp": Curve(0.25, 1200, 2400),
    "tbt": Curve(0.30, 150, 350),
    "cls": Curve(0.25, 0.1, 0.25),
}


@dataclass(frozen=True)
class Loading:
    """How a page was loaded. Milliseconds, but for the layout shift."""

    fcp: float
    lcp: float
    tbt: float
    cls: float

    @property
    def score(self) -> float:
        """Return 0 to 100 points."""
        values = {
            "fcp": self.fcp,
            "lcp": self.lcp,
            "tbt": self.tbt,
            "cls": self.cls,
            "speed": (self.fcp + self.lcp) / 2,
        }
        return 100 * sum(curve.weight * curve.score(values[name]) for name, curve in CURVES.items())

    def __str__(self) -> str:
        return f"{self.score:.0f} (fcp {self.fcp:.0f}, lcp {self.lcp:.0f}, tbt {self.tbt:.0f}, cls {self.cls:.3f})"


async def observe_loading(context: BrowserContext) -> None:
    """Have all pages of the context that are opened from now on keep what `read_loading` needs."""
    await context.add_init_script(OBSERVE)


async def read_loading(page: Page) -> Loading:
    """Return how the page was loaded until now. Only what tasks take above 50 ms blocks, after the first paint."""
    values: dict[str, Any] = await page.evaluate("loading")
    blocking = sum(max(0.0, duration - 50) for start, duration in values["tasks"] if start + duration > values["fcp"])
    return Loading(values["fcp"], values["lcp"], blocking, values["cls"])
