/** Rows of a leaderboard, with the movement since the beginning of the day. */

import { h } from "../core/dom.js";
import { figure, percent } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { periodAddress } from "../core/period.js";
import { avatar } from "./controls.js";

export const LEADERBOARD_FIELDS = gql`fragment LeaderboardFields on Leaderboard {
  version total totalCount metric { key name unit } period { label }
  standings { rank previousRank value target attainmentPercent gapToNext employee { id name online team { name } } }
}`;
export const LEADERBOARD = gql`subscription Ranking($metric: String!, $period: PeriodInput, $scope: ID, $first: Int!, $rankBy: RankBy! = VALUE) {
  leaderboard(metric: $metric, period: $period, scope: $scope, first: $first, rankBy: $rankBy) { ...LeaderboardFields }
}
${LEADERBOARD_FIELDS}`;

/** @param {{rank: number, previousRank: number | null}} standing */
function movement({ rank, previousRank }) {
  const up = previousRank === null ? 0 : previousRank - rank;
  if (!up) return h("span.move", {}, "");
  const text = up > 0 ? plural("up {count} place today", "up {count} places today", up) : plural("down {count} place today", "down {count} places today", -up);
  return h("span.move", { class: up > 0 ? "good" : "bad", title: text, "aria-label": text }, up > 0 ? `▲${up}` : `▼${-up}`);
}

/**
 * What stands above a ranking in which nobody has a result yet, as on the first day of a month.
 * @param {any} board @param {{kind: string, offset: number}} period
 */
export const nothingYet = ({ standings, period: { label } }, { kind, offset }) => standings.length && standings.every((/** @type {any} */ { value }) => !Number(value))
  ? h("p.soft.nothing-yet", {}, t("Nobody has a result in this period yet: {period}.", { period: label }), " ", h("a.link", { href: periodAddress(kind, offset - 1), "data-go": "" }, t("Show the previous period"))) : null;

/** @param {any} board @param {string} [marked] id of an employee to mark */
export function rankingRows({ standings, metric }, marked) {
  const best = Math.max(...standings.map((/** @type {any} */ { value, target }) => Math.max(Number(value), Number(target || 0))), 0) || 1;
  const hasTargets = standings.some((/** @type {any} */ { attainmentPercent }) => attainmentPercent !== null);
  return standings.map((/** @type {any} */ standing) => {
    const { employee, rank, value, target, attainmentPercent } = standing;
    return h("li", { "data-key": employee.id, "aria-current": employee.id === marked ? "true" : null },
      h("a.rank-row", { href: `/people/${employee.id}`, "data-go": "" },
        h("span.rank", { "data-rank": Number(value) > 0 ? rank : null }, Number(value) ? rank : "–"), movement(standing), avatar(employee, employee.online),
        h("span.grow", {},
          h("span.row", {}, h("span.line.grow", {}, h("strong", {}, employee.name), h("small", {}, ` ${employee.team?.name || ""}`)),
            h("span.amount", {}, figure(value, metric.unit)), hasTargets ? h("small.share", {}, attainmentPercent === null ? "" : percent(attainmentPercent)) : null),
          h("span.rank-bar", { "aria-hidden": "true" }, h("i", { style: { width: `${Math.max(0, (100 * Number(value)) / best)}%` } }), target ? h("b", { style: { left: `${(100 * Number(target)) / best}%` }, title: t("target") }) : null))));
  });
}
