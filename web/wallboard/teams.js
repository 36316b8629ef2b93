/** Two boards: how far the teams are with their goals, and who has improved most since the month before. */

import { query } from "../core/client.js";
import { h } from "../core/dom.js";
import { percent } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { paceName } from "../parts/controls.js";
import { goalBar, personRow, runningGoals, tierName, whole, wholePercent } from "./sales.js";

const METRIC = "deals_won_amount";
const MOST = 10;
const THEN_AND_NOW = gql`query ThenAndNow($scope: ID, $then: DateTime!) {
  now: leaderboard(metric: "deals_won_amount", scope: $scope, first: 100) { metric { name unit } period { label } standings { value employee { id name team { name } } } }
  before: leaderboard(metric: "deals_won_amount", scope: $scope, first: 100, asOf: $then) { period { label } standings { value employee { id } } }
}`;

/** Null where fewer than two teams have a goal. @param {any} state */
export function teamsBoard(state) {
  const goals = runningGoals(state).filter(({ owner, metric, period }) => owner.__typename === "Team" && metric.key === METRIC && period.kind === "MONTH")
    .sort((one, other) => other.progress.attainmentPercent - one.progress.attainmentPercent).slice(0, MOST);
  if (goals.length < 2) return null;
  const scale = Math.min(2, Math.max(1, goals[0].progress.attainmentPercent / 100));
  return h("section", { "data-key": "teams" },
    h("div.head", {}, h("h2", {}, t("Teams: {metric}", { metric: goals[0].metric.name })), h("span", {}, goals[0].period.label), h("span", {}, t("│ even pace · → projected"))),
    h("ol.rows", { style: { "--lines": Math.max(6, goals.length) } }, goals.map((goal, index) => h("li.team", { "data-key": goal.id, "data-pace": goal.progress.pace, "data-place": index + 1 },
      h("span.rank", {}, index + 1), h("span.name", {}, h("span", {}, goal.owner.name), h("small", {}, t("{value} of {target}", { value: whole(goal.progress.value, goal.metric.unit), target: whole(goal.target, goal.metric.unit) })), h("small.pace", {}, [tierName(goal.tier), paceName(goal.progress.pace)].filter(Boolean).join(" · "))),
      h("span.value", {}, wholePercent(goal.progress.attainmentPercent)), goalBar(goal, scale)))));
}

/** The same time of the month before: its last day where the day does not exist there. @param {Date} now */
export function monthBefore(now) {
  const then = new Date(now);
  then.setUTCDate(1);
  then.setUTCMonth(then.getUTCMonth() - 1);
  const days = new Date(Date.UTC(then.getUTCFullYear(), then.getUTCMonth() + 1, 0)).getUTCDate();
  then.setUTCDate(Math.min(days, now.getUTCDate()));
  return then;
}

/** @param {any} state */
export async function readImprovement(state) {
  const { now, before } = await query(THEN_AND_NOW, { scope: state.scope.id, then: monthBefore(new Date(state.board.asOf)).toISOString() });
  const old = new Map(before.standings.map((/** @type {any} */ { employee, value }) => [employee.id, Number(value)]));
  const rows = now.standings.map((/** @type {any} */ { employee, value }) => ({ employee, value: Number(value), before: old.get(employee.id) || 0, gain: Number(value) - (old.get(employee.id) || 0) }))
    .filter((/** @type {any} */ { gain }) => gain > 0).sort((/** @type {any} */ one, /** @type {any} */ other) => other.gain - one.gain).slice(0, MOST);
  state.improvement = { metric: now.metric, period: now.period, before: before.period, rows };
}

/** @param {any} state */
export function improvementBoard({ improvement: { metric, before, rows } }) {
  return h("section", { "data-key": "improvement" },
    h("div.head", {}, h("h2", {}, t("Improvement: {metric}", { metric: metric.name })), h("span", {}, t("more than at the same time of {period}", { period: before.label }))),
    h("ol.rows", {}, rows.map((/** @type {any} */ { employee, value, before: old, gain }, /** @type {number} */ index) => personRow(employee, {
      rank: index + 1, share: (100 * gain) / rows[0].gain,
      value: [h("b", {}, `+${whole(gain, metric.unit)}`), h("small", {}, old > 0 ? t("{value}, {percent} more", { value: whole(value, metric.unit), percent: percent((100 * gain) / old) }) : whole(value, metric.unit))],
    }))));
}
