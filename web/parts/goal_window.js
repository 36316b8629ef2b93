/** A goal in a window of its own, and as a line of a list. */

import { h } from "../core/dom.js";
import { calendarDate, chance, days, figure, percent } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { goalTitle, paceChip } from "./controls.js";
import { bar, paceChart, ring } from "./charts.js";
import { expectedPercent, fact } from "./facts.js";
import { openWhy } from "./details.js";

/** What is known of a goal at once; the projection takes a moment, so the subscription brings it. */
export const GOAL_STATE = gql`fragment GoalState on Goal {
  id name target recurring archivedAt
  metric { key name unit }
  owner { __typename id name }
  period { kind start end label workdaysLeft }
  progress { value attainmentPercent remaining expectedByNow pace neededPerWorkday version asOf }
}`;
export const GOAL_FIELDS = gql`fragment GoalFields on Goal {
  ...GoalState progress { projected projectedPercent projectionBasis attainmentProbability }
} ${GOAL_STATE}`;

/**
 * @param {any} goal
 * @param {{start: string, value: string}[]} points of its metric, by day or week
 * @param {any} forecast of the same scope and period, for the range of sums of won deals
 * @param {string[]} workdays of the period
 */
export function goalWindow(goal, points, forecast, workdays) {
  const { metric, target, progress } = goal;
  const range = forecast && metric.key === "deals_won_amount" && forecast.confidence !== "NONE" ? { low: forecast.low, high: forecast.high } : null;
  const gap = Number(progress.value) - Number(progress.expectedByNow);
  const hasProjection = progress.projectionBasis && progress.projectionBasis !== "VALUE";
  return h("article.panel.goal-window", { "data-key": goal.id, "aria-label": goalTitle(goal) },
    h("header", {}, h("h2", {}, h("span.line", {}, goalTitle(goal)), h("small", {}, goal.period.label)), paceChip(progress.pace)),
    h("div.goal-top", {},
      ring({ value: progress.attainmentPercent, expected: expectedPercent(goal), pace: progress.pace }),
      h("div", {},
        h("p.big", {}, figure(progress.value, metric.unit)),
        h("p.soft", {}, t("of {target}", { target: figure(target, metric.unit) })),
        h("p.soft", { class: gap < 0 ? "late" : gap > 0 ? "good" : null }, !gap ? t("at an even pace") : gap < 0 ? t("{amount} behind an even pace", { amount: figure(-gap, metric.unit, true) }) : t("{amount} ahead of an even pace", { amount: figure(gap, metric.unit, true) })))),
    paceChart(goal, points, range, workdays),
    h("dl.facts", {},
      fact(t("Projection"), hasProjection ? figure(progress.projected, metric.unit, true) : "–", hasProjection ? percent(progress.projectedPercent) : null),
      fact(t("Chance"), chance(progress.attainmentProbability)),
      Number(progress.remaining) > 0 && progress.neededPerWorkday !== null
        ? fact(t("Needed a day"), figure(progress.neededPerWorkday, metric.unit, true)) : null,
      range ? fact(t("Range"), `${figure(range.low, metric.unit, true)} – ${figure(range.high, metric.unit, true)}`) : null),
    h("button.link.why", { type: "button", onclick: () => openWhy(goal) }, t("Why this number")));
}

/** @param {any} goal @param {{showOwner?: boolean}} [options] */
export function goalLine(goal, { showOwner = false } = {}) {
  const { metric, target, progress, period } = goal;
  const over = period.end < calendarDate(progress.asOf);
  return h("li.goal-line", { "data-key": goal.id },
    h("button.goal-open", { type: "button", onclick: () => openWhy(goal), "aria-label": t("Why this number: {goal}", { goal: goalTitle(goal) }) },
      h("span.row", {}, h("strong.grow", {}, showOwner ? goal.owner.name : goalTitle(goal)), h("span.amount", {}, percent(Math.floor(progress.attainmentPercent)))),
      bar({ value: progress.attainmentPercent, expected: expectedPercent(goal), projected: progress.projectionBasis === "VALUE" ? null : progress.projectedPercent ?? null, pace: progress.pace }),
      h("span.row", {}, h("small.line", {}, t("{value} of {target}", { value: figure(progress.value, metric.unit, true), target: figure(target, metric.unit, true) }), showOwner ? null : ` · ${period.kind === "CUSTOM" ? days(period.start, period.end) : period.label}`),
        h("small", {}, over || !progress.projectionBasis || progress.projectionBasis === "VALUE" ? paceChip(progress.pace) : `→ ${percent(progress.projectedPercent)}`))));
}
