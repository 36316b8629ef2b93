"""Deal forecast: the distribution of won amounts in a window of days, per seller and for any group of sellers.

A `FittedModel` holds everything learnt from the past (`ModelTrainer`). A `ForecastWindow` of it holds `DRAWS` (1000)
Monte Carlo draws per seller for the part that does not depend on the deals open now: the count model, and the
pipeline model's new business. `SellerForecasts` adds the draws of the open deals. It is the only step that has to be
repeated when a deal changes, and only for the sellers whose deals have changed. Draws are made for the sellers that a
request is about.

The distribution of a group is computed from the sums of its sellers' draws, so the means of the parts always add up
to the mean of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import monte_carlo, random_variates
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, sum_by_index
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, find_first_amount_difference
from domain.forecasting.deal_value_model import AmountTables, OpenDealEstimator
from domain.forecasting.distribution import Distribution, exact_sum
from domain.forecasting.goal_calibration import UNCALIBRATED, GoalCalibration, PastGoals
from domain.forecasting.random_variates import DRAWS, OpenDeals, RandomStreams
from domain.forecasting.seasonality import last_day
from domain.forecasting.training import ModelTrainer, WinProbabilities

MIN_MONTHS: Final = 2  # complete months needed for any forecast
_MIN_WINS: Final = 20  # wins needed for any forecast
_NORMAL_MONTHS: Final = 6  # complete months needed for normal confidence
MAX_HORIZON_DAYS: Final = 800  # a window may end at most this many days ahead
_MIN_PROBABILITY: Final = 1e-6  # the win probability of an open deal stays this far from 0 and 1
_WEIGHT_PARTS: Final = 1000  # model weights are rounded to thousandths, so that means are exact fractions
_NEVER_WON_AFTER_DAYS: Final = 400  # an open deal that is not won within this many days counts as never won


class Confidence(StrEnum):
    """Confidence in a forecast; with NONE there is no forecast beyond the booked amount."""

    NONE = "NONE"
    LOW = "LOW"
    NORMAL = "NORMAL"


def rate_confidence(months: int, wins: float) -> Confidence:
    """Return the confidence that a history of `months` complete months and `wins` wins allows."""
    if months < MIN_MONTHS or wins < _MIN_WINS:
        return Confidence.NONE
    return Confidence.NORMAL if months >= _NORMAL_MONTHS else Confidence.LOW


class FittedModel:
    """The model fitted to the deals as known at the end of `day`, for forecasts from the next day on.

    It depends on the past alone, so it is computed once a day.

    trainer     the fitted parts that do not depend on amounts
    past_deals  the same deals, with `worth` on the requested basis: revenue, profit, or 1 each to count deals; they get
                the stage entries of the trainer's
    sellers     a permanent key of each seller, shape (sellers,); it seeds the seller's random draws
    day         of an inner forecast: an earlier day than the trainer's, at the end of which `past_deals` were known, with
                their stage entries
    before      an earlier model of the same sellers and basis: what it has measured of goals at month ends before which
                nothing has changed since is taken over
    """

    def __init__(
        self,
        trainer: ModelTrainer,
        past_deals: DealTable,
        sellers: Sequence[str],
        *,
        day: int | None = None,
        before: FittedModel | None = None,
    ) -> None:
        self.trainer, self.sellers = trainer, sellers
        self.day = trainer.day if day is None else day
        self.past_deals = replace(past_deals, visits=trainer.table.visits) if day is None else past_deals
        self.seller_hashes = np.array([monte_carlo.hash_seller_key(seller) for seller in sellers], dtype=np.uint64)
        self.past_goals: dict[tuple[int, int], PastGoals] = {}  # by month before the window, and its months
        if before is not None:
            self._take_over(before)

    def _take_over(self, before: FittedModel) -> None:
        key, until = self.trainer.same_until or (None, 0)
        if key is before.trainer.key:
            until = min(until, find_first_amount_difference(before.past_deals, self.past_deals) - 1)
            self.past_goals |= {key: goals for key, goals in before.past_goals.items() if last_day(key[0]) <= until}

    @cached_property
    def confidence(self) -> Confidence:
        return rate_confidence(self.trainer.wins.complete_months, self.trainer.wins.total_until(self.day))

    @cached_property
    def amount_tables(self) -> AmountTables:
        """Amounts of a win of each seller."""
        past_deals = self.past_deals
        has_worth = past_deals.won & ~np.isnan(past_deals.worth)
        age = (self.day - past_deals.closed[has_worth]).astype(np.float64)
        return AmountTables(past_deals.worth[has_worth], age, past_deals.seller[has_worth], len(self.seller_hashes))

    @cached_property
    def open_deal_estimator(self) -> OpenDealEstimator:
        return OpenDealEstimator(self.past_deals, self.past_deals.visits)

    def compute_window(
        self, first: int, last: int, day_left: float = 1.0, goal_calibration: GoalCalibration = UNCALIBRATED
    ) -> Steps[ForecastWindow]:
        """Compute the window from day `first` to day `last`, without the open deals and without any draws.

        day_left          the part of the running day, the one after `day`, that is still ahead: 1 to 0
        goal_calibration  corrects the probabilities of goals
        """
        window = ForecastWindow(self, first, last, day_left, goal_calibration)
        yield from window.prepare()
        return window

    def compute_eventual_win_probabilities(self, deals: DealTable, rows: Ints) -> Floats:
        """Return the probability that each open deal in `rows` of `deals` is ever won; shape of `rows`."""
        first = self.day + 1
        probabilities = self.trainer.compute_win_probabilities(self.day, first, first + _NEVER_WON_AFTER_DAYS - 1)
        return self.trainer.compute_open_probabilities(deals, rows, probabilities, self.day)


class ForecastWindow:
    """The draws of a window of days that do not depend on the open deals; shape (sellers, DRAWS) each.

    Both models are first scaled to the same total number of wins, their weighted mean. `pipeline_factor` is what the
    pipeline's expectation is multiplied by. It is fixed by what was known when the window was computed: otherwise a
    change of one deal would rescale every seller's draws, and not only its own seller's.

    A seller's draws are made by the first `SellerForecasts.draw` that needs them: most requests are about few sellers.
    """

    def __init__(
        self, model: FittedModel, first: int, last: int, day_left: float, goal_calibration: GoalCalibration
    ) -> None:
        self.model, self.first, self.last, self.day_left = model, first, last, day_left
        self.goal_calibration = goal_calibration
        self.latest: SellerForecasts | None = None  # the last forecast made, of which unchanged draws are taken over
        seller_count = len(model.seller_hashes)
        self.multipliers, self.count_draws, self.new_draws = (np.zeros((seller_count, DRAWS)) for _ in range(3))
        self._is_drawn = np.zeros(seller_count, dtype=np.bool_)

    @property
    def size(self) -> int:
        """Bytes of the draws that have been made, those of its latest forecast included."""
        return int(np.count_nonzero(self._is_drawn)) * 4 * DRAWS * self.count_draws.itemsize

    @property
    def is_over(self) -> bool:
        """Whether nothing can be won in the window any more: it ends with the running day, which is over."""
        return self.last == self.model.day + 1 and self.day_left == 0

    def prepare(self) -> Steps[None]:
        """Compute what all sellers share; must be completed before the window is used."""
        model, first, last, day_left = self.model, self.first, self.last, self.day_left
        errors = yield from model.trainer.compute_errors(last - first + 1, model.day)
        yield from model.trainer.prepare(model.day, last)
        self.probabilities = model.trainer.compute_win_probabilities(model.day, first, last, day_left)
        yield
        expected = model.trainer.compute_expected_wins(model.day, first, last, day_left)
        yield
        count_total, pipeline_total = (
            float(expected.by_counts.sum()),
            float((expected.from_open + expected.from_new).sum()),
        )
        weight = errors.weight(expected.log_sd, expected.pipeline_log_sd)
        target_total = (1 - weight) * count_total + weight * pipeline_total
        self.pipeline_factor = target_total / pipeline_total if pipeline_total > 0 else 1.0
        self.pipeline_parts = round(_WEIGHT_PARTS * errors.share_weight)
        self._expected_by_counts = expected.by_counts * (target_total / count_total if count_total > 0 else 1.0)
        self._expected_from_new = expected.from_new * self.pipeline_factor
        self._streams = RandomStreams(first * 10_000 + last - first, model.seller_hashes)
        common_sd = errors.common_sd(expected.log_sd, self._expected_by_counts)
        self._common_multipliers = monte_carlo.common_multipliers(self._streams, common_sd)
        self._seller_sd, self._dispersion = errors.seller_sd, errors.dispersion
        is_inner = model.day != model.trainer.day  # of single sellers, on whom the evenness of totals has no effect
        self._even_total = yield from monte_carlo.compute_even_total(
            self._streams, self._expected_by_counts, 1.0 if is_inner else errors.evenness, (1, 2)
        )

    def draw(self, sellers: Ints) -> None:
        """Make the draws of those of the sellers that have none yet."""
        rows = sellers[~self._is_drawn[sellers]]
        multipliers = monte_carlo.error_multipliers(self._streams, self._common_multipliers, self._seller_sd, rows)
        self.multipliers[rows] = multipliers
        if not self.is_over:  # else exactly nothing, in place of what the lower bounds of the models leave
            amounts = self.model.amount_tables
            tables, mean_errors = amounts.of_sellers(rows), amounts.mean_errors_of(rows)
            factors = monte_carlo.amount_multipliers(self._streams, mean_errors, rows)
            for draws, expected, purpose in (
                (self.count_draws, self._expected_by_counts, 1),
                (self.new_draws, self._expected_from_new, 2),
            ):
                draws[rows] = monte_carlo.sample_wins(
                    expected[rows],
                    multipliers,
                    tables,
                    self._streams,
                    purpose,
                    rows,
                    self._dispersion,
                    factors,
                    self._even_total,
                )
        self._is_drawn[rows] = True

    def forecast_sellers(self, deals: DealTable) -> SellerForecasts:
        """Return the forecasts of the sellers, still without draws, from the deals that are open in `deals`."""
        rows = np.flatnonzero(deals.open)
        win_probabilities = (
            np.zeros(len(rows)) if self.is_over else self.win_chances(deals, rows, self.probabilities, self.model.day)
        )
        forecasts = SellerForecasts(self, deals, rows, win_probabilities)
        if self.latest is not None:
            forecasts.take_over(self.latest)
        self.latest = forecasts
        return forecasts

    @property
    def pipeline_weight(self) -> float:
        """The weight of the pipeline model in the mean."""
        return self.pipeline_parts / _WEIGHT_PARTS

    def win_chances(self, deals: DealTable, rows: Ints, probabilities: WinProbabilities, day: int) -> Floats:
        """Return the win probability of each of the rows of `deals`, with the level of both models; shape of `rows`."""
        uncorrected = self.model.trainer.compute_open_probabilities(deals, rows, probabilities, day)
        return np.clip(1 - (1 - uncorrected) ** self.pipeline_factor, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)


class SellerForecasts:
    """The forecast of a window for every seller, given the deals open at one moment.

    deals              the deals at that moment
    rows               rows of the open ones; shape (open,)
    win_probabilities  of each open deal, within the window
    amounts            of each open deal if it is won, once its seller has been drawn
    contributions      what each open deal adds to the mean, once its seller has been drawn. A seller's deals sum to
                       their `from_open`
    open_draws         draws of the amount won from open deals; shape (sellers, DRAWS), as far as they have been drawn
    from_open          the part of each seller's mean that comes from deals open now; shape (sellers,), likewise
    """

    def __init__(self, window: ForecastWindow, deals: DealTable, rows: Ints, win_probabilities: Floats) -> None:
        self.window, self.deals, self.rows, self.win_probabilities = window, deals, rows, win_probabilities
        self.goal_calibration = window.goal_calibration
        self.amounts, self.contributions = np.zeros(len(rows)), np.zeros(len(rows))
        seller_count = len(window.model.seller_hashes)
        self.open_draws, self.from_open = np.zeros((seller_count, DRAWS)), np.zeros(seller_count)
        self._is_drawn = np.zeros(seller_count, dtype=np.bool_)

    @cached_property
    def deal_keys(self) -> Ints:
        """The caller's key of each open deal; shape (open,)."""
        return self.deals.key[self.rows]

    @cached_property
    def deal_sellers(self) -> Ints:
        """The seller's index of each open deal; shape (open,)."""
        return self.deals.seller[self.rows]

    def has_draws(self, members: Bools) -> bool:
        """Return whether the sellers that `members` selects, booleans of shape (sellers,), have been drawn."""
        return bool(self._is_drawn[members].all())

    def draw(self, members: Bools) -> Steps[None]:
        """Make the draws of those of the sellers that have none yet.

        Several such computations may take turns: each step takes sellers that are still without draws.
        """
        while len(sellers := np.flatnonzero(members & ~self._is_drawn)[: monte_carlo.BATCH_SIZE]):
            self._draw_batch(sellers)
            yield

    def _draw_batch(self, sellers: Ints) -> None:
        window, model = self.window, self.window.model
        window.draw(sellers)
        batch_index = np.full(len(self._is_drawn), -1)
        batch_index[sellers] = np.arange(len(sellers))
        deals = np.flatnonzero(batch_index[self.deal_sellers] >= 0)
        rows, seller = self.rows[deals], batch_index[self.deal_sellers[deals]]
        tables = model.amount_tables.of_sellers(sellers)
        probabilities = self.win_probabilities[deals]
        amounts, is_stated = model.open_deal_estimator.estimate(self.deals, rows, tables.mean(axis=1)[seller])
        hashes = random_variates.mix_bits(
            model.seller_hashes[sellers[seller]]
            ^ random_variates.mix_bits(self.deals.stable_hash[rows].astype(np.uint64))
        )
        open_deals = OpenDeals(seller, probabilities, amounts, ~is_stated, hashes)
        draws = (
            random_variates.sum_open_deals(open_deals, monte_carlo.shuffle_tables(tables)) * window.multipliers[sellers]
        )
        expected = probabilities * amounts
        sums = sum_by_index(seller, expected, len(sellers))
        self.open_draws[sellers] = monte_carlo.rescale_to_mean(draws, sums)
        from_open = self._part_from_open(sellers)
        self.amounts[deals], self.from_open[sellers] = amounts, from_open
        self.contributions[deals] = expected * (from_open / np.where(sums != 0, sums, 1.0))[seller]
        self._is_drawn[sellers] = True

    def _part_from_open(self, sellers: Ints) -> Floats:
        """Return the part of each seller's mean that comes from deals open now; shape of `sellers`.

        This is the pipeline model's figure, reduced where the combined mean is lower than the pipeline's: its share
        of the combined mean is never larger than its share of the pipeline's mean.
        """
        weight = self.window.pipeline_weight
        open_mean, new_mean, count_mean = (
            draws[sellers].mean(axis=1) for draws in (self.open_draws, self.window.new_draws, self.window.count_draws)
        )
        pipeline_mean = open_mean + new_mean
        combined_mean = (1 - weight) * count_mean + weight * pipeline_mean
        share = np.where(pipeline_mean > 0, combined_mean / np.where(pipeline_mean > 0, pipeline_mean, 1.0), 0.0)
        return np.asarray(open_mean * np.minimum(1.0, share))

    def take_over(self, before: SellerForecasts) -> None:
        """Take over the draws of sellers with the same open deals in an earlier forecast of the same window."""
        seller_count = len(self._is_drawn)
        deal_counts = [np.bincount(forecasts.deal_sellers, minlength=seller_count) for forecasts in (self, before)]
        is_same = before._is_drawn & (deal_counts[0] == deal_counts[1])
        deals, deals_before = (np.flatnonzero(is_same[forecasts.deal_sellers]) for forecasts in (self, before))
        if not (self.deal_sellers[deals] == before.deal_sellers[deals_before]).all():
            return  # the deals of a seller do not stand together, which happens in back-tests only
        rows, rows_before = self.rows[deals], before.rows[deals_before]
        is_other = self.win_probabilities[deals] != before.win_probabilities[deals_before]
        for name in ("stable_hash", "product"):
            is_other |= getattr(self.deals, name)[rows] != getattr(before.deals, name)[rows_before]
        for name in ("stated_worth", "gross", "price"):
            now, then = getattr(self.deals, name)[rows], getattr(before.deals, name)[rows_before]
            is_other |= (now != then) & ~(np.isnan(now) & np.isnan(then))
        is_same[self.deal_sellers[deals][is_other]] = False
        still_same = is_same[self.deal_sellers[deals]]
        deals, deals_before = deals[still_same], deals_before[still_same]
        self.amounts[deals], self.contributions[deals] = (
            before.amounts[deals_before],
            before.contributions[deals_before],
        )
        self.open_draws[is_same], self.from_open[is_same] = before.open_draws[is_same], before.from_open[is_same]
        self._is_drawn = is_same

    def is_overdue(self, today: int) -> Bools:
        """Return for each open deal whether its expected closing day has passed or is not set; shape (open,)."""
        expected_close = self.deals.expected_close[self.rows]
        return np.less(expected_close, today) | np.equal(expected_close, NEVER)

    def aggregate(self, members: Bools) -> Distribution:
        """Return the distribution of the amount that a group of sellers wins in the window.

        members  which sellers belong to the group; booleans of shape (sellers,). They must have been drawn

        The mean mixes the two models' means by their weights. The quantiles mix their quantile functions (both sets
        of draws are sorted first): the interval keeps the width of the models, where a mixture would be wider.
        """
        if not self.has_draws(members):
            raise ValueError("draw the sellers of a group before you aggregate them")
        pipeline_parts = self.window.pipeline_parts
        count_draws = self.window.count_draws[members].sum(axis=0)
        pipeline_draws = (self.open_draws[members] + self.window.new_draws[members]).sum(axis=0)
        total = (_WEIGHT_PARTS - pipeline_parts) * exact_sum(count_draws) + pipeline_parts * exact_sum(pipeline_draws)
        draws = (
            (_WEIGHT_PARTS - pipeline_parts) * np.sort(count_draws) + pipeline_parts * np.sort(pipeline_draws)
        ) / _WEIGHT_PARTS
        return Distribution(
            Fraction(total, _WEIGHT_PARTS * DRAWS),
            float(self.from_open[members].sum()),
            draws,
            self.goal_calibration,
        )

    def means_of_sellers(self, sellers: Ints) -> list[Fraction]:
        """Return the mean of each seller by itself, as `aggregate` does; shape of `sellers`, which must have been drawn."""
        pipeline_parts, window = self.window.pipeline_parts, self.window
        by_counts = window.count_draws[sellers].astype(np.int64).sum(axis=1)
        by_pipeline = (self.open_draws[sellers] + window.new_draws[sellers]).astype(np.int64).sum(axis=1)
        return [
            Fraction((_WEIGHT_PARTS - pipeline_parts) * counts + pipeline_parts * pipeline, _WEIGHT_PARTS * DRAWS)
            for counts, pipeline in zip(by_counts.tolist(), by_pipeline.tolist(), strict=True)
        ]

    def draws_of_sellers(self, sellers: Ints) -> Floats:
        """Return the draws of each seller by itself, as `aggregate` does, in rising order; shape (sellers, DRAWS).

        sellers  indexes of sellers that have been drawn
        """
        pipeline_parts, window = self.window.pipeline_parts, self.window
        count_draws = np.sort(window.count_draws[sellers], axis=1)
        pipeline_draws = np.sort(self.open_draws[sellers] + window.new_draws[sellers], axis=1)
        mixed: Floats = (
            (_WEIGHT_PARTS - pipeline_parts) * count_draws + pipeline_parts * pipeline_draws
        ) / _WEIGHT_PARTS
        return mixed
