/** What has changed since the beginning of the last working day before today: results, the forecast, the ranking, and news. */

import { query } from "../core/client.js";
import { h } from "../core/dom.js";
import { calendarDate, day as dayName, figure, midnight, number, shortMoney } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { link, panel } from "./controls.js";
import { fact } from "./facts.js";
import { newsList } from "./feed.js";

const SINCE = gql`query Since($scope: ID, $days: PeriodInput!, $span: PeriodInput!, $metrics: [String!], $metric: String!, $then: DateTime!) {
  statistics(scope: $scope, period: $days, interval: DAY, metrics: $metrics) { series { metric { key name unit } total } }
  lost: deals(scope: $scope, filter: {status: [LOST], period: $days}, first: 1) { totalCount }
  before: leaderboard(metric: $metric, period: $span, scope: $scope, first: 100, asOf: $then) { standings { rank value employee { id } } }
  now: leaderboard(metric: $metric, period: $span, scope: $scope, first: 100) { standings { rank value employee { id name } } }
}`;
const METRICS = ["deals_won_amount", "deals_won", "deals_created", "leads_created", "calls_made"];
const MOVERS = 6;
const NEWS = 5;
const DAY = 86_400_000;

/** The last working day before today, or yesterday where none is known. @param {string[]} workdays of the period @param {string} today */
export function dayToCompare(workdays, today) {
  return workdays.filter((day) => day < today).pop() || new Date(Date.parse(`${today}T00:00Z`) - DAY).toISOString().slice(0, 10);
}

/** Whether a period contains today. @param {{start: string, end: string}} span */
export const isRunning = (span) => span.start <= calendarDate(new Date()) && calendarDate(new Date()) <= span.end;

/**
 * Read what has changed; null where the period does not run today.
 * @param {{id: string}} scope @param {{start: string, end: string, workdaysList: string[]}} span @param {string} metric of the ranking
 */
export async function readSince(scope, span, metric) {
  const today = calendarDate(new Date());
  if (!isRunning(span)) return null;
  const day = dayToCompare(span.workdaysList, today);
  const days = (/** @type {string} */ start, /** @type {string} */ end) => ({ kind: "CUSTOM", start, end });
  const answer = await query(SINCE, { scope: scope.id, days: days(day, today), span: days(span.start, span.end), metrics: METRICS, metric, then: midnight(day).toISOString() });
  const ranks = new Map(answer.before.standings.map((/** @type {any} */ { employee, rank, value }) => [employee.id, Number(value) ? rank : null]));
  const movers = answer.now.standings.map((/** @type {any} */ { rank, value, employee }) => ({ employee, rank, before: ranks.get(employee.id) ?? null, value: Number(value) }))
    .filter((/** @type {any} */ { before, rank, value }) => value && before !== null && before !== rank)
    .sort((/** @type {any} */ one, /** @type {any} */ other) => Math.abs(other.before - other.rank) - Math.abs(one.before - one.rank)).slice(0, MOVERS);
  return { day, series: new Map(answer.statistics.series.map((/** @type {any} */ each) => [each.metric.key, each])), lost: answer.lost.totalCount, movers };
}

/**
 * Its figures keep their place while they are being read.
 * @param {any} since from `readSince`; undefined before that @param {any[]} news @param {any} forecast @param {any[] | undefined} snapshots of the forecast on earlier days
 * @param {any[]} metrics all, with their names
 */
export function sincePanel(since, news, forecast, snapshots, metrics) {
  const list = [newsList(news.slice(0, NEWS)), news.length > NEWS ? h("details.more", {}, h("summary", {}, t("More news")), newsList(news.slice(NEWS))) : null];
  if (since === null) return panel(t("What changed"), null, list);
  const { day = null, series = new Map(), lost = null, movers = [] } = since || {};
  const counted = (/** @type {string} */ key) => {
    const { name, unit } = metrics.find((each) => each.key === key) || {};
    return name ? fact(name, figure(series.get(key)?.total, unit, true)) : null;
  };
  const earlier = snapshots?.filter((snapshot) => snapshot.day < day).pop();
  const change = since && earlier && forecast.confidence !== "NONE" ? Number(forecast.expected) - Number(earlier.expected) : null;
  return panel(t("What changed"), h("small", {}, day ? t("since {day}, in the morning", { day: dayName(day) }) : ""),
    h("dl.facts.since", {}, METRICS.slice(0, 2).map(counted), fact(t("Deals lost"), number(lost)), METRICS.slice(2).map(counted),
      change === null ? null : fact(t("Forecast"), h("span", { class: change < 0 ? "late" : "good" }, `${change < 0 ? "−" : "+"}${shortMoney(Math.abs(change))}`))),
    movers.length ? h("p.movers", {}, movers.map((/** @type {any} */ { employee, rank, before }) => link(`/people/${employee.id}`,
      h("span", { class: rank < before ? "good" : "bad", "aria-label": rank < before ? plural("up {count} place", "up {count} places", before - rank) : plural("down {count} place", "down {count} places", rank - before) }, rank < before ? `▲${before - rank}` : `▼${rank - before}`), ` ${employee.name}`))) : since ? null : h("p.movers", {}, "\u00a0"),
    list);
}
