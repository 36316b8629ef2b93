/** The dashboard of the company or a team: goals, forecast, ranking, funnel, alerts and news, all live. */

import { go, parameter } from "../core/address.js";
import { query } from "../core/client.js";
import { glide, h, onNextFrame, rememberParts, render } from "../core/dom.js";
import { calendarDate, changeText, figure, number, percent, shortMoney, useCompany } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { chosenPeriod } from "../core/period.js";
import { canForAll, viewer } from "../core/session.js";
import { subscribe } from "../core/socket.js";
import { chosenMetric, empty, goalTitle, link, metricPicker, panel, periodPicker, scopePicker } from "../parts/controls.js";
import { spark } from "../parts/charts.js";
import { ALERT_FIELDS, ALERTS, alertList, markRead, NEWS_FIELDS, NEWS_KINDS, onlineList } from "../parts/feed.js";
import { FORECAST_FIELDS, forecastPanel } from "../parts/forecast_panel.js";
import { FUNNEL_FIELDS, funnelTable } from "../parts/funnel_panel.js";
import { GOAL_FIELDS, GOAL_STATE, goalLine, goalWindow } from "../parts/goal_window.js";
import { JUDGEMENT, callsPanel, driversPanel } from "../parts/judgement_panel.js";
import { LEADERBOARD, LEADERBOARD_FIELDS, nothingYet, rankingRows } from "../parts/ranking_list.js";
import { isRunning, readSince, sincePanel } from "../parts/since_panel.js";

const STATISTICS_FIELDS = gql`fragment StatisticsFields on Statistics {
  winRatePercent previousWinRatePercent averageDealAmount previousAverageDealAmount medianSalesCycleDays previousMedianSalesCycleDays
  series { metric { key name unit } total previousTotal points { start value } }
}`;
const DASHBOARD = gql`query Dashboard($scope: ID, $period: PeriodInput, $kinds: [ActivityKind!], $interval: Interval!, $metrics: [String!], $metric: String!, $places: Int!) {
  company { id name currency timeZone } groups { id name ... on Team { parent { id } } }
  teams(scope: $scope) { id name goals(period: $period) { id target metric { key } period { start end } progress { value attainmentPercent expectedByNow pace } } }
  metrics { key name unit }
  funnel(scope: $scope, period: $period) { ...FunnelFields period { kind start end label workdaysList } scope { __typename id name goals(period: $period) { ...GoalState } } }
  statistics(scope: $scope, period: $period, interval: $interval, metrics: $metrics) { ...StatisticsFields }
  forecast(scope: $scope, period: $period) { ...ForecastFields }
  leaderboard(metric: $metric, period: $period, scope: $scope, first: $places) { ...LeaderboardFields }
  alerts(unreadOnly: true, first: 5) { edges { node { ...AlertFields } } }
  activities(scope: $scope, kinds: $kinds, first: 6) { edges { node { ...NewsFields } } }
}
${STATISTICS_FIELDS} ${GOAL_STATE} ${FORECAST_FIELDS} ${LEADERBOARD_FIELDS} ${FUNNEL_FIELDS} ${ALERT_FIELDS} ${NEWS_FIELDS}`;
const FORECAST_PAST = gql`query ForecastPast($scope: ID, $period: PeriodInput) {
  forecast(scope: $scope, period: $period) {
    saidBefore { day booked expected low high }
    deals(first: 6) { deal { id title } winProbability expected }
  }
}`;
const ACCURACY = gql`query ForecastAccuracy($scope: ID, $period: PeriodInput) {
  forecast(scope: $scope, period: $period) { accuracy { periods wape biasPercent weightedPipelineWape } }
}`;
const FIGURES = gql`query Figures($scope: ID, $period: PeriodInput, $interval: Interval!, $metrics: [String!]) {
  funnel(scope: $scope, period: $period) { ...FunnelFields }
  statistics(scope: $scope, period: $period, interval: $interval, metrics: $metrics) { ...StatisticsFields }
}
${STATISTICS_FIELDS} ${FUNNEL_FIELDS}`;
const GOALS = gql`subscription Goals($goals: [ID!]) { goalProgress(goals: $goals) { ...GoalFields } } ${GOAL_FIELDS}`;
const FORECAST = gql`subscription Forecast($scope: ID, $period: PeriodInput) { forecast(scope: $scope, period: $period) { ...ForecastFields } } ${FORECAST_FIELDS}`;
const ACTIVITIES = gql`subscription News($scope: ID, $after: String) { activities(scope: $scope, after: $after) { ...NewsFields } } ${NEWS_FIELDS}`;
const PRESENCE = gql`subscription Presence($scope: ID) { presence(scope: $scope) { id name online active } }`;

const FIGURES_OF_ALL = ["deals_won_amount", "deals_won", "leads_created", "calls_made"];
const FIGURES_SECONDS = 20; // between two readings of the charts and the funnel while things change
const GOAL_EVENTS = new Set(["GOAL_SET", "GOAL_ARCHIVED", "PLAN_APPLIED", "PLAN_UNDONE"]);
const NEWS = new Set(NEWS_KINDS);
const TEAM_GOALS = 12;
const NEWS_LENGTH = 12;
const ALERTS_LENGTH = 5;
const PLACES = 10; // of the ranking
const MANY_GOALS = 4;

/** @type {import("../main.js").Screen} */
export async function show(main) {
  const period = chosenPeriod();
  const metric = chosenMetric();
  const interval = period.kind === "WEEK" || period.kind === "MONTH" ? "DAY" : "WEEK";
  const read = (/** @type {string} */ scope) => query(DASHBOARD, { scope, period, kinds: NEWS_KINDS, interval, metrics: FIGURES_OF_ALL, metric, places: PLACES });
  const data = await read(parameter("scope") || viewer().scope.id);
  const { scope, period: span } = data.funnel;
  if (canForAll("ADMINISTER") && !data.teams.length && !scope.goals.length) { // nothing is set up yet
    go("/setup", { replace: true });
    return undefined;
  }
  useCompany(data.company);
  document.title = `${scope.name} · Scoreline`;

  const state = {
    ...data, board: data.leaderboard, drawnBoard: /** @type {any} */ (null), part: rememberParts(), past: /** @type {any} */ (null), since: /** @type {any} */ (isRunning(span) ? undefined : null), reread: () => {},
    goals: goalsOf(data, metric),
    people: new Map(), alerts: data.alerts.edges.map((/** @type {any} */ { node }) => node), news: data.activities.edges.map((/** @type {any} */ { node }) => node),
  };
  const draw = onNextFrame(() => drawDashboard(main, state, { scope, period, span, metric }));
  draw();

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let reading;
  const readChanges = async () => {
    state.since = await readSince(scope, span, metric).catch(() => state.since || null);
    draw();
  };
  const readFigures = async () => {
    reading = undefined;
    const charted = shownGoals(state, { scope, span, metric }).inPeriod.map((goal) => goal.metric.key);
    const metrics = [...new Set([...FIGURES_OF_ALL, ...charted])];
    const figures = await query(FIGURES, { scope: scope.id, period, interval, metrics }).catch(() => null); // the next change asks again
    if (figures) Object.assign(state, figures);
    draw();
    await readChanges();
    await state.reread();
  };
  const readFiguresSoon = () => { reading ||= setTimeout(readFigures, FIGURES_SECONDS * 1000 * (0.75 + Math.random() / 2)); };
  /** @type {() => void} */
  let endGoals = () => undefined;
  const followGoals = () => {
    endGoals();
    const shown = Object.values(shownGoals(state, { scope, span, metric })).flat().map(({ id }) => id);
    endGoals = shown.length ? subscribe(GOALS, { goals: shown }, ({ goalProgress }) => {
      const known = state.goals.get(goalProgress.id);
      if (known && known.progress.version > goalProgress.progress.version) return;
      goalProgress.archivedAt ? state.goals.delete(goalProgress.id) : state.goals.set(goalProgress.id, goalProgress);
      draw();
    }) : () => undefined;
  };
  const readGoals = async () => {
    const answer = await read(scope.id).catch(() => null);
    if (!answer) return;
    state.goals = goalsOf(answer, metric);
    followGoals();
    readFigures();
  };

  followGoals();
  const extra = shownGoals(state, { scope, span, metric }).inPeriod.some((goal) => !FIGURES_OF_ALL.includes(goal.metric.key));
  if (extra) readFigures(); // the charts of these goals need more metrics
  else readChanges();
  const readPast = (/** @type {string} */ document) => query(document, { scope: scope.id, period }, { attempts: 2 }).then(({ forecast }) => {
    state.past = { ...state.past, ...forecast };
    draw();
  }, () => undefined); // the rest stands without it
  const readJudgement = () => readPast(JUDGEMENT);
  state.reread = readJudgement;
  readPast(FORECAST_PAST).then(readJudgement).then(() => readPast(ACCURACY)); // the accuracy may take the server long
  const ends = [
    () => endGoals(),
    () => clearTimeout(reading),
    subscribe(LEADERBOARD, { metric, period, scope: scope.id, first: PLACES }, ({ leaderboard }) => {
      if (state.board.version > leaderboard.version) return;
      state.board = leaderboard;
      draw();
    }),
    subscribe(FORECAST, { scope: scope.id, period }, ({ forecast }) => { state.forecast = forecast; draw(); }),
    subscribe(ACTIVITIES, () => ({ scope: scope.id, after: state.lastCursor || null }), ({ activities: activity }) => {
      state.lastCursor = activity.cursor;
      if (NEWS.has(activity.kind) && !state.news.some((/** @type {any} */ { id }) => id === activity.id)) {
        state.news = [activity, ...state.news].slice(0, NEWS_LENGTH);
        draw();
      }
      if (GOAL_EVENTS.has(activity.kind)) readGoals();
      readFiguresSoon();
    }, (code) => { if (code === "CURSOR_UNKNOWN") state.lastCursor = null; }),
    subscribe(ALERTS, () => ({ after: state.alerts[0]?.cursor || null }), ({ alerts: alert }) => {
      if (state.alerts.some((/** @type {any} */ { id }) => id === alert.id)) return;
      state.alerts = [alert, ...state.alerts].slice(0, ALERTS_LENGTH);
      draw();
    }),
    subscribe(PRESENCE, { scope: scope.id }, ({ presence }) => { state.people = new Map(state.people).set(presence.id, presence); draw(); }),
  ];
  return () => ends.forEach((end) => end());
}

/**
 * All goals of an answer by id. Those of teams come with little, as there are many; the subscription brings the rest.
 * @param {any} data @param {string} metric
 */
function goalsOf({ teams, metrics, funnel }, metric) {
  const { scope, period } = funnel;
  const counted = metrics.find((/** @type {any} */ { key }) => key === metric);
  const ofTeams = teams.flatMap((/** @type {any} */ { id, name, goals }) => goals.filter((/** @type {any} */ goal) => goal.metric.key === metric && goal.period.start === period.start && goal.period.end === period.end)
    .map((/** @type {any} */ goal) => ({ ...goal, progress: { version: 0, asOf: new Date().toISOString(), ...goal.progress }, name: counted.name, metric: counted, owner: { __typename: "Team", id, name }, period })));
  return new Map([...ofTeams, ...scope.goals].map((goal) => [goal.id, goal]));
}

/**
 * The goals that have a place on the dashboard: those of the scope, and of its teams for the chosen metric, best first.
 * @param {any} state @param {{scope: any, span: any, metric: string}} question
 * @returns {{inPeriod: any[], others: any[], teamGoals: any[]}}
 */
function shownGoals(state, { scope, span, metric }) {
  const goals = [...state.goals.values()];
  const isOfPeriod = (/** @type {any} */ { period }) => period.start === span.start && period.end === span.end;
  const own = goals.filter(({ owner }) => owner.id === scope.id);
  const teamsBelow = new Set(state.teams.map((/** @type {any} */ { id }) => id).filter((/** @type {string} */ id) => id !== scope.id));
  const ofTeams = goals.filter((goal) => teamsBelow.has(goal.owner.id) && goal.metric.key === metric && isOfPeriod(goal));
  return {
    inPeriod: own.filter(isOfPeriod),
    others: own.filter((goal) => !isOfPeriod(goal)),
    teamGoals: ofTeams.sort((one, other) => other.progress.attainmentPercent - one.progress.attainmentPercent).slice(0, TEAM_GOALS),
  };
}

/** @param {HTMLElement} main @param {any} state @param {any} question */
function drawDashboard(main, state, { scope, period, span, metric }) {
  const { groups, metrics, statistics, funnel, forecast, board, alerts, people, news, since, past, part } = state;
  const { inPeriod, others, teamGoals } = shownGoals(state, { scope, span, metric });
  const series = new Map(statistics.series.map((/** @type {any} */ each) => [each.metric.key, each]));
  const minute = Math.floor(Date.now() / 60_000); // times are told as "5 min ago"
  const today = calendarDate(new Date());
  const read = async (/** @type {any} */ alert) => {
    state.alerts = state.alerts.filter((/** @type {any} */ each) => each !== alert);
    drawDashboard(main, state, { scope, period, span, metric });
    await markRead([alert.id]);
  };
  const isLong = inPeriod.length > 0 && others.length + teamGoals.length > MANY_GOALS; // then the news stand in the other column
  const changed = part("since", [since, news, forecast, past, isLong, minute], () => sincePanel(since, news, forecast, past?.saidBefore, metrics));
  const update = () => render(main,
    part("head", [], () => h("div.head", { "data-key": "head" }, h("h1", {}, scope.name),
      groups.length > 1 ? scopePicker({ groups, withCompany: canForAll("VIEW_CARD"), selected: scope.id }) : null,
      metricPicker(metrics, metric), periodPicker(period, span.label))),
    part("figures", [statistics, today], () => h("div.kpis", { "data-key": "figures" }, kpis(statistics, series))),
    h("div.dashboard", {},
      h("div.column.wide", {},
        inPeriod.length ? h("div.goals", { "data-key": "goals" }, inPeriod.map((goal) => {
          const points = series.get(goal.metric.key)?.points;
          return part(goal.id, [goal, points, forecast], () => goalWindow(goal, points || [], forecast, span.workdaysList));
        })) : null,
        part("others", [...others, inPeriod.length], () => others.length || !inPeriod.length ? panel(inPeriod.length ? t("Goals of other periods") : t("Goals"), null,
          others.length ? h("ul.goal-lines.wide", {}, others.map((goal) => goalLine(goal))) : empty(t("No goals for this period."), link("/plan", h("span.link", {}, t("Plan the targets"))))) : null),
        part("teams", teamGoals, () => teamGoals.length ? panel(t("Teams: {metric}", { metric: goalTitle(teamGoals[0]) }), h("small", {}, span.label), h("ul.goal-lines.wide", {}, teamGoals.map((goal) => goalLine(goal, { showOwner: true })))) : null),
        h("div.side-by-side", { "data-key": "judgement" },
          part("drivers", [past], () => driversPanel(past)),
          part("calls", [forecast, past], () => callsPanel(past, { scope, period, forecast, reread: state.reread }))),
        isLong ? null : changed,
        part("funnel", [funnel], () => panel(t("Funnel"), h("small", {}, span.label), funnelTable(funnel)))),
      h("div.column", {},
        part("ranking", [board], () => panel(t("Ranking"), h("small", {}, t("total {total}", { total: figure(board.total, board.metric.unit, true) })),
          nothingYet(board, period), board.standings.length ? h("ol.ranking", {}, rankingRows(board)) : empty(t("Nobody is ranked yet.")))),
        part("forecast", [forecast, past], () => forecastPanel(forecast, past)),
        isLong ? changed : null,
        part("alerts", [alerts, minute], () => panel(t("Alerts"), link("/alerts", h("span.link", {}, t("All"))), alertList(alerts, read))),
        part("online", [people], () => panel(t("Online"), null, onlineList(people))))));
  const list = board === state.drawnBoard ? null : main.querySelector(".ranking");
  state.drawnBoard = board;
  list ? glide(list, update) : update();
}

/** @param {any} statistics @param {Map<string, any>} series */
function kpis(statistics, series) {
  const today = calendarDate(new Date());
  /** @param {string} key */
  const counted = (key) => {
    const each = series.get(key);
    if (!each) return null;
    const values = each.points.filter((/** @type {any} */ { start }) => start <= today).map((/** @type {any} */ { value }) => Number(value));
    return kpi(each.metric.name, figure(each.total, each.metric.unit, true), Number(each.total), Number(each.previousTotal), values.length > 1 ? spark(values) : null);
  };
  return [
    counted("deals_won_amount"), counted("deals_won"),
    kpi(t("Win rate"), percent(statistics.winRatePercent), statistics.winRatePercent, statistics.previousWinRatePercent, null, true),
    kpi(t("Average deal"), shortMoney(statistics.averageDealAmount), Number(statistics.averageDealAmount), Number(statistics.previousAverageDealAmount)),
    kpi(t("Sales cycle"), statistics.medianSalesCycleDays === null ? "–" : t("{count} days", { count: number(statistics.medianSalesCycleDays, 0) }), statistics.medianSalesCycleDays, statistics.previousMedianSalesCycleDays, null, false, true),
    counted("leads_created"), counted("calls_made"),
  ];
}

/**
 * @param {string} name @param {string} text @param {number | null} value @param {number | null} previous
 * @param {any} [picture] @param {boolean} [points] whether it is a percentage, which changes by points @param {boolean} [less] whether less is better
 */
function kpi(name, text, value, previous, picture = null, points = false, less = false) {
  const change = value === null || !previous ? null : points ? value - previous : (100 * (value - previous)) / previous;
  const better = change !== null && (less ? change < 0 : change > 0);
  const shown = change === null || Math.abs(change) < 0.5 ? null : changeText(change, points);
  return h("div.kpi", { "data-key": name }, h("span.soft", {}, name), h("span.row", {}, h("strong", {}, text), shown ? h("small", { class: better ? "good" : "bad", title: t("compared with the same part of the period before") }, shown) : null), picture);
}
