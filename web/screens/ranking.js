/** The whole ranking of the company or a team, live. */

import { go, parameter, withParameters } from "../core/address.js";
import { query } from "../core/client.js";
import { glide, h, onNextFrame, render } from "../core/dom.js";
import { figure, useCompany } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { chosenPeriod } from "../core/period.js";
import { viewer } from "../core/session.js";
import { subscribe } from "../core/socket.js";
import { chosenMetric, empty, metricPicker, periodPicker, scopePicker } from "../parts/controls.js";
import { LEADERBOARD, LEADERBOARD_FIELDS, nothingYet, rankingRows } from "../parts/ranking_list.js";

const RANKING = gql`query RankingStart($metric: String!, $period: PeriodInput, $scope: ID, $first: Int!, $rankBy: RankBy!) {
  company { id name currency timeZone } groups { id name ... on Team { parent { id } } } metrics { key name unit }
  leaderboard(metric: $metric, period: $period, scope: $scope, first: $first, rankBy: $rankBy) { ...LeaderboardFields }
}
${LEADERBOARD_FIELDS}`;
const FIRST = 100; // rows

/** @type {import("../main.js").Screen} */
export async function show(main) {
  const [period, metric, scope] = [chosenPeriod(), chosenMetric(), parameter("scope")];
  const rankBy = parameter("by") === "ATTAINMENT" ? "ATTAINMENT" : "VALUE";
  const choices = { metric, period, scope, first: FIRST, rankBy };
  let { company, groups, metrics, leaderboard: board } = await query(RANKING, choices);
  useCompany(company);
  document.title = `${t("Ranking")} · Scoreline`;
  const draw = onNextFrame(() => {
    const update = () => render(main,
      h("div.head", {}, h("h1", {}, t("Ranking")),
        scopePicker({ groups, withCompany: true, selected: scope || company.id }), metricPicker(metrics, metric),
        h("div.segments", { role: "group", "aria-label": t("Ranked by") }, [["VALUE", t("Value")], ["ATTAINMENT", t("Percent of goal")]].map(([by, label]) =>
          h("button", { type: "button", "aria-pressed": String(by === rankBy), onclick: () => go(withParameters({ by })) }, label))),
        periodPicker(period, board.period.label)),
      h("section.panel.full-ranking", {},
        h("header", {}, h("h2", {}, board.metric.name), h("small", {}, plural("{count} person", "{count} people", board.totalCount), ", ", t("total {total}", { total: figure(board.total, board.metric.unit) }))),
        nothingYet(board, period),
        board.standings.length ? h("ol.ranking", {}, rankingRows(board, viewer().employee.id)) : empty(t("Nobody is ranked yet.")),
        board.totalCount > board.standings.length ? h("p.soft", {}, t("These are the first {count}; choose a team to see all of its people.", { count: board.standings.length })) : null));
    const list = main.querySelector(".ranking");
    list ? glide(list, update) : update();
  });
  draw();
  return subscribe(LEADERBOARD, choices, ({ leaderboard }) => {
    if (board.version > leaderboard.version) return;
    board = leaderboard;
    draw();
  });
}
