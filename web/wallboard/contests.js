/** Contests of the week: who has done most, by several measures, and whom the others can still catch. */

import { h } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { subscribe } from "../core/socket.js";
import { personRow, whole } from "./sales.js";

const CONTEST = gql`subscription Contest($scope: ID, $metric: String!) {
  leaderboard(metric: $metric, scope: $scope, period: {kind: WEEK}, first: 5) {
    metric { key name unit } period { label } version standings { rank value employee { id name team { name } } }
  }
}`;
const METRICS = ["deals_won", "calls_made", "leads_created", "tasks_completed"];
const MOST = 4;

/** The measures of the address, `#token=…&contests=calls_made,training_hours`, or those that every company has. */
function chosenMetrics() {
  const wanted = (new URLSearchParams(location.hash.slice(1)).get("contests") || "").split(",").filter((key) => /^[a-z][a-z0-9_]+$/.test(key));
  return (wanted.length ? wanted : METRICS).slice(0, MOST);
}

/** @param {any} state @param {() => void} draw */
export function followContests(state, draw) {
  for (const metric of chosenMetrics()) {
    subscribe(CONTEST, { scope: state.scope.id, metric }, ({ leaderboard }) => {
      const known = state.contests.get(metric);
      if (known && known.version > leaderboard.version && known.period.label === leaderboard.period.label) return;
      state.contests.set(metric, leaderboard);
      draw();
    });
  }
}

/** Measures of which nothing has been counted yet wait until something is. @param {any} state */
export function contestsBoard({ contests }) {
  const all = chosenMetrics().filter((key) => contests.has(key));
  const begun = all.filter((key) => Number(contests.get(key).standings[0]?.value) > 0);
  return (begun.length > 1 ? begun : all).map((key) => contestSection(contests.get(key)));
}

/** @param {any} board */
function contestSection({ metric, period, standings }) {
  const best = Number(standings[0]?.value || 0);
  return h("section", { "data-key": metric.key }, h("div.head", {}, h("h2", {}, metric.name), h("span", {}, period.label)),
    best > 0 ? h("ol.rows", {}, standings.filter((/** @type {any} */ { value }) => Number(value) > 0).map((/** @type {any} */ { rank, value, employee }) =>
      personRow(employee, { rank, value: whole(value, metric.unit), share: (100 * Number(value)) / best }))) : h("p.empty", {}, t("Nobody yet this week.")));
}
