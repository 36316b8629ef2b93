/** The screen in the office: boards that take turns, all live, with the announcement of each win. */

import { query, RequestError } from "../core/client.js";
import { h, onNextFrame, render } from "../core/dom.js";
import { timeOfDay, useCompany } from "../core/format.js";
import { gql } from "../core/gql.js";
import { loadTexts, t } from "../core/i18n.js";
import { onSignedOut, useDevice } from "../core/session.js";
import { isLive, onLiveChange, subscribe } from "../core/socket.js";
import { announcement, onRing, ring, soundButton, winnerId } from "./bell.js";
import { contestsBoard, followContests } from "./contests.js";
import { readRotation } from "./rotation.js";
import { salesBoard } from "./sales.js";
import { improvementBoard, readImprovement, teamsBoard } from "./teams.js";

const GOAL = gql`fragment WallGoal on Goal {
  id name archivedAt target threshold stretch tier owner { __typename id name } metric { key name unit } period { kind label end }
  progress { value attainmentPercent expectedByNow pace version asOf }
}`;
const STANDINGS = gql`fragment WallBoard on Leaderboard {
  metric { name unit } period { label workdaysLeft } total version asOf
  standings { rank previousRank value employee { id name team { name } } }
}`;
// What is known at once, for the first picture; the subscriptions bring the rest.
const SCREEN = gql`query Screen {
  viewer { device { scope { __typename id name } } }
  company { id name currency timeZone }
  leaderboard(metric: "deals_won_amount", first: 10) { ...WallBoard }
  goals { ...WallGoal }
}
${GOAL} ${STANDINGS}`;
const BOARD = gql`subscription Board($scope: ID) { leaderboard(metric: "deals_won_amount", first: 10, scope: $scope) { ...WallBoard } } ${STANDINGS}`;
const GOALS = gql`subscription WallGoals($scope: ID) { goalProgress(scope: $scope) { ...WallGoal progress { projectedPercent } } } ${GOAL}`;
const FORECAST = gql`subscription WallForecast($scope: ID) {
  forecast(scope: $scope) { confidence booked expected low high target attainmentProbability openPipeline { deals amount } }
}`;
const WINS = gql`subscription Wins($scope: ID, $after: ID) {
  dealWon(scope: $scope, after: $after) { id cursor revoked title amount { amount currency } employee { id name } standing { rank } }
}`;

const DRAW_SECONDS = 4; // at the latest: the goals are shown page by page
const AGAIN_SECONDS = 3600; // between two readings of what no subscription withdraws
const IMPROVED_SECONDS = 60; // between two readings of the board of improvement
const AWAY_SECONDS = 5; // without a connection before the screen says so at large

/** @typedef {{company: any, scope: any, board: any, goals: Map<string, any>, forecast: any, contests: Map<string, any>, improvement: any}} State */

/** @type {State} */
const state = { company: null, scope: null, board: null, goals: new Map(), forecast: null, contests: new Map(), improvement: null };
const rotation = readRotation();
/** @type {string | null} */
let lastCursor = null; // of the last win received
let refused = "";
let awaySince = 0;
let begun = false;

const draw = onNextFrame(() => {
  document.body.classList.toggle("not-live", awaySince > 0);
  if (!state.scope) return;
  const board = rotation.current(boards());
  const main = document.querySelector(".stage");
  const show = () => render(document.body, header(board), awaySince ? h("p.away", { role: "alert" }, t("Not live: these are the numbers of {time}", { time: timeOfDay(new Date(awaySince).toISOString()) })) : null,
    h("main.stage", { "data-key": "stage" }, h("div.board", { class: board.name, "data-key": board.name }, board.draw())), announcement() || h("span", { hidden: true }));
  if (!main) document.body.replaceChildren();
  show();
});

/** The boards that have something to show, in the order of the address. */
function boards() {
  const all = {
    sales: { name: "sales", title: t("Sales"), has: true, draw: () => salesBoard(state, winnerId()) },
    teams: { name: "teams", title: t("Teams"), has: teamsBoard(state) !== null, draw: () => teamsBoard(state) },
    contests: { name: "contests", title: t("Contests"), has: state.contests.size > 1, draw: () => contestsBoard(state) },
    improvement: { name: "improvement", title: t("Improvement"), has: Boolean(state.improvement?.rows.length), draw: () => improvementBoard(state) },
  };
  const shown = Object.values(all).filter(({ name, has }) => has && rotation.names.includes(name));
  return shown.length ? shown : [all.sales];
}

/** @param {{name: string}} shown */
function header(shown) {
  const { board, scope } = state;
  const all = boards();
  return h("header", {}, h("h1", {}, scope.name),
    board ? h("span.days", {}, t("{period}, working days left: {count}", { period: board.period.label, count: board.period.workdaysLeft })) : null,
    board ? h("span.total", {}, t("Won this month"), h("b", {}, rotation.money(board.total))) : null,
    h("div.controls", {}, all.length > 1 ? all.map(({ name, title }) => h("button.dot", { type: "button", title, "aria-label": title, "aria-current": name === shown.name ? "true" : null, onclick: () => { rotation.show(name); draw(); } }, h("i"))) : null, soundButton(draw)),
    h("span.state", { role: "status", class: isLive() ? null : "lost" }, isLive() ? t("Live") : begun ? t("Offline, reconnecting…") : t("Connecting…")));
}

/** Read everything that is known at once; also after a connection was lost, as goals may have ended meanwhile. */
async function read() {
  const answer = await query(SCREEN, {}, { attempts: Infinity });
  state.company = answer.company;
  state.scope = answer.viewer.device?.scope || answer.company;
  useCompany(answer.company);
  document.title = `${state.scope.name} · Scoreline`;
  if (!state.board || state.board.version <= answer.leaderboard.version) state.board = answer.leaderboard;
  const goals = answer.goals.map((/** @type {any} */ goal) => {
    const known = state.goals.get(goal.id);
    return known && known.progress.version >= goal.progress.version ? known : { ...goal, progress: { ...known?.progress, ...goal.progress } };
  });
  state.goals = new Map(goals.map((/** @type {any} */ goal) => [goal.id, goal]));
  draw();
}

let improvedAt = 0;
function improve() {
  improvedAt = performance.now();
  readImprovement(state).then(draw, () => undefined); // the next win reads again
}

function follow() {
  const scope = state.scope.id;
  subscribe(BOARD, { scope }, ({ leaderboard }) => {
    if (state.board.version > leaderboard.version) return;
    state.board = leaderboard;
    draw();
    if (performance.now() - improvedAt > IMPROVED_SECONDS * 1000) improve();
  });
  subscribe(GOALS, { scope }, ({ goalProgress: goal }) => {
    if (goal.archivedAt) state.goals.delete(goal.id);
    else if (goal.progress.version >= (state.goals.get(goal.id)?.progress.version || 0)) state.goals.set(goal.id, goal);
    draw();
  });
  subscribe(FORECAST, { scope }, ({ forecast }) => { state.forecast = forecast; draw(); });
  subscribe(WINS, () => ({ scope, after: lastCursor }), ({ dealWon: win }) => { lastCursor = win.cursor; ring(win); }, (code) => { if (code === "CURSOR_UNKNOWN") lastCursor = null; });
  followContests(state, draw);
  improve();
  setInterval(draw, DRAW_SECONDS * 1000);
  setInterval(() => { if (isLive()) read().catch(() => undefined); }, AGAIN_SECONDS * 1000 * (0.9 + Math.random() / 5));
}

async function start() {
  await loadTexts();
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return ask();
  useDevice(token);
  for (;;) {
    try {
      await read();
      break;
    } catch (error) {
      if (error instanceof RequestError && !["FORBIDDEN", "NOT_FOUND"].includes(error.code)) throw error;
      if (error instanceof RequestError) return refuse();
      if (refused) return undefined;
      state.scope ? draw() : render(document.body, h("p.empty", { role: "status" }, t("Offline, reconnecting…")));
      await new Promise((resolve) => { setTimeout(resolve, 2000 + 3000 * Math.random()); });
    }
  }
  return follow();
}

function refuse() {
  refused = t("This token is not valid, or it was revoked.");
  ask();
}

/** Ask for a token; it is kept in this page only. */
function ask() {
  const onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    location.hash = `token=${encodeURIComponent(String(fields.get("token")).trim())}`;
    location.reload();
  };
  state.scope = null;
  document.body.replaceChildren(h("main", {}, h("form.ask", { onsubmit }, h("h1", {}, t("Open the wallboard")), h("p.refused", { role: "alert" }, refused),
    h("input", { name: "token", type: "password", autocomplete: "off", required: true, placeholder: t("Wallboard token"), "aria-label": t("Wallboard token") }),
    h("button", { type: "submit" }, t("Open")),
    h("p", {}, t("An administrator creates the token with createDevice (kind WALLBOARD). It is kept in this page only. For a screen that starts unattended, append it to the address: #token=…")))));
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;
onLiveChange(() => {
  clearTimeout(leaving);
  if (isLive()) {
    awaySince = 0;
    if (begun) read().catch(() => undefined); // the subscriptions go on in any case
    begun = true;
  } else {
    const lost = Date.now();
    leaving = setTimeout(() => { awaySince = lost; draw(); }, AWAY_SECONDS * 1000);
  }
  draw();
});
onSignedOut(refuse);
onRing(draw);
rotation.start(boards, draw);
addEventListener("hashchange", () => location.reload());
start();
