/** The card of a person, made for a phone first: goals, work to do, charts, history, clients. */

import { go, parameter, withParameters } from "../core/address.js";
import { query } from "../core/client.js";
import { h, onNextFrame, rememberParts, render } from "../core/dom.js";
import { calendarDate, dayAndTime, figure, useCompany } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { changes, onOutboxChange } from "../core/outbox.js";
import { chosenPeriod } from "../core/period.js";
import { Offline, viewer } from "../core/session.js";
import { keepSnapshot, readSnapshot } from "../core/snapshot.js";
import { isLive, onLiveChange, subscribe } from "../core/socket.js";
import { openCall } from "../parts/card_actions.js";
import { callsPanel, chartsPanel, clientsPanel, dealsPanel, historyPanel, hoursPanel, leadsPanel, stagesPanel, tasksPanel } from "../parts/card_panels.js";
import { avatar, button, empty, iconButton, link, panel, periodPicker } from "../parts/controls.js";
import { FUNNEL_FIELDS } from "../parts/funnel_panel.js";
import { GOAL_FIELDS, GOAL_STATE, goalLine } from "../parts/goal_window.js";
import { roleName } from "../parts/frame.js";
import { icon } from "../parts/icons.js";

const METRICS = ["deals_won_amount", "deals_won", "leads_created", "calls_made", "clients_added", "tasks_completed"];
const CARD = gql`query Card($id: ID!, $period: PeriodInput, $metrics: [String!]) {
  company { id name currency timeZone }
  employee(id: $id) {
    id name role active online joinedOn team { id name } manager { id name }
    standing(period: $period) { rank value gapToNext }
    goals(period: $period) { ...GoalState }
    statistics(period: $period, interval: DAY, metrics: $metrics) {
      period { kind start end label }
      winRatePercent averageDealAmount medianSalesCycleDays
      series { metric { key name unit } total previousTotal points { start value } }
    }
    funnel(period: $period) { ...FunnelFields }
    tasks(filter: {completed: false}, first: 20) { totalCount edges { node { id title kind dueAt overdue createdBy { id name } deal { id title } client { id name } } } }
    deals(filter: {status: [OPEN]}, first: 30) { totalCount edges { node {
      id title hasProblems problem expectedCloseOn winProbability amount { amount currency } stage { id name } client { id name }
    } } }
    activities(first: 20) { edges { node { id cursor kind at summary actor { id name } } } pageInfo { hasNextPage endCursor } }
    calls(first: 10) { edges { node { id direction outcome startedAt durationSeconds note client { id name } } } }
    leads(first: 10) { edges { node { id title status source createdAt contactName phone } } }
    clients(first: 20) { totalCount edges { node { id name phone email wonAmount lastActivityAt } } }
    workTime(period: $period) { totalHours days { date hours } }
  }
}
${GOAL_STATE} ${FUNNEL_FIELDS}`;
const GOALS = gql`subscription CardGoals($scope: ID) { goalProgress(scope: $scope) { ...GoalFields } } ${GOAL_FIELDS}`;
const ACTIVITIES = gql`subscription CardNews($scope: ID, $after: String) { activities(scope: $scope, after: $after) { id cursor kind at summary actor { id name } } }`;

const READ_SECONDS = 3; // after a change, before the card is read again

/** @type {import("../main.js").Screen} */
export async function show(main, [id]) {
  const period = chosenPeriod();
  const isOwn = id === viewer().employee.id;
  const read = async () => {
    const answer = await query(CARD, { id, period, metrics: METRICS });
    if (isOwn && period.kind === "MONTH" && period.offset === 0) keepSnapshot("card", answer);
    return answer;
  };
  let snapshot = /** @type {{at: string, data: any} | null} */ (null);
  const data = await read().catch((error) => {
    snapshot = error instanceof Offline && isOwn ? readSnapshot("card") : null;
    if (!snapshot) throw error;
    return snapshot.data;
  });
  if (!data.employee) {
    document.title = `${t("Card")} · Scoreline`;
    render(main, empty(t("There is no such person, or the card is not yours to see."), link("/people", t("To all people"))));
    return undefined;
  }
  useCompany(data.company);
  document.title = `${data.employee.name} · Scoreline`;
  const state = { employee: data.employee, goals: new Map(data.employee.goals.map((/** @type {any} */ goal) => [goal.id, goal])), news: edges(data.employee.activities), lastCursor: null, keptAt: /** @type {any} */ (snapshot)?.at || null, part: rememberParts(), isWhole: false };
  const draw = onNextFrame(() => {
    drawCard(main, state, period);
    if (state.isWhole) return;
    state.isWhole = true;
    draw(); // the rest in a task of its own, so that the first part is seen sooner
  });
  draw();

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let reading;
  const readSoon = (seconds = READ_SECONDS) => {
    clearTimeout(reading);
    reading = setTimeout(async () => {
      const answer = await read().catch(() => null); // the next change reads again
      if (!answer?.employee) return;
      state.employee = answer.employee;
      state.keptAt = null;
      for (const goal of answer.employee.goals) if (!state.goals.has(goal.id)) state.goals.set(goal.id, goal);
      draw();
    }, seconds * 1000);
  };
  const isVisible = data.employee.statistics !== null;
  const ends = [
    () => clearTimeout(reading),
    onLiveChange(() => { if (isLive() && state.keptAt) readSoon(0); }),
    onOutboxChange((answered) => { draw(); if (answered?.state === "sent") readSoon(0.2); }),
    isVisible ? subscribe(GOALS, { scope: id }, ({ goalProgress: goal }) => {
      if (goal.archivedAt) state.goals.delete(goal.id);
      else if (state.goals.has(goal.id) || period.offset === 0) state.goals.set(goal.id, goal);
      draw();
    }) : null,
    isVisible ? subscribe(ACTIVITIES, () => ({ scope: id, after: state.lastCursor || state.news[0]?.cursor || null }), ({ activities: activity }) => {
      state.lastCursor = activity.cursor;
      if (!state.news.some((/** @type {any} */ each) => each.id === activity.id)) state.news = [activity, ...state.news];
      draw();
      readSoon();
    }) : null,
  ];
  return () => ends.forEach((end) => end?.());
}

/** @param {{edges: {node: any}[]} | null} connection */
export const edges = (connection) => (connection?.edges || []).map(({ node }) => node);

const TABS = ["today", "numbers", "history", "clients"];

/** @param {HTMLElement} main @param {any} state @param {{kind: string, offset: number}} period */
function drawCard(main, state, period) {
  const { employee, part, isWhole } = state;
  const { standing, statistics, manager, team } = employee;
  const own = employee.id === viewer().employee.id;
  const tab = TABS.includes(parameter("tab") || "") ? String(parameter("tab")) : "today";
  const names = { today: t("Today"), numbers: t("Numbers"), history: t("History"), clients: t("Clients") };
  const head = h("div.card-head", {},
    avatar(employee, employee.online),
    h("div.grow", {}, h("h1", {}, employee.name),
      h("p.soft", {}, [roleName(employee.role), team?.name].filter(Boolean).join(" · "),
        h("span.more-about", {}, manager && manager.id !== employee.id ? ` · ${t("reports to {name}", { name: manager.name })}` : null, employee.online ? ` · ${t("online")}` : null))),
    standing && Number(standing.value) ? h("div.place", {}, h("strong", {}, t("Place {rank}", { rank: standing.rank })), h("small", {}, standing.gapToNext ? t("{amount} to the next", { amount: figure(standing.gapToNext, "MONEY", true) }) : figure(standing.value, "MONEY", true))) : null);
  if (!statistics) return render(main, h("div.card", {}, head, empty(t("Only this person and those above see the rest of the card."))));
  const clients = edges(employee.clients);
  const waiting = changes().map(({ key, state: stateOfChange }) => key + stateOfChange).join(" ");
  const minute = Math.floor(Date.now() / 60_000); // times are told as "5 min ago"
  const today = calendarDate(new Date());
  const goals = [...state.goals.values()].sort((one, other) => one.period.end.localeCompare(other.period.end));
  return render(main, h("div.card", { "data-tab": tab },
    state.keptAt ? h("p.kept.no-print", { role: "status" }, t("Without a network: this is the card of {when}. What you record is sent later.", { when: dayAndTime(state.keptAt) })) : null,
    head,
    h("div.head.no-print", {},
      button(t("Record a call"), () => openCall(employee.id, clients), { class: "primary call-action" }),
      periodPicker(period, statistics.period.label),
      iconButton("print", t("Print"), () => print(), { class: "print-action" })),
    h("div.segments.tabs.no-print", { role: "tablist" }, TABS.map((name) => h("button", { type: "button", role: "tab", "aria-selected": String(name === tab), onclick: () => go(withParameters({ tab: name }), { replace: true }) }, /** @type {any} */ (names)[name]))),
    h("div.card-columns", {},
      h("div.column", {}, h("div.column.tab-today", {},
        panel(t("Goals"), null, goals.length ? h("ul.goal-lines", {}, goals.map((goal) => goalLine(goal))) : empty(own ? t("No goals yet.") : t("No goals for this period."))),
        part("tasks", [employee.tasks, waiting], () => tasksPanel(edges(employee.tasks), employee.tasks.totalCount)),
        part("deals", [employee.deals, waiting], () => dealsPanel(edges(employee.deals), employee.deals.totalCount)))),
      h("div.column", {}, !isWhole ? null : [h("div.column.tab-numbers", {},
        part("charts", [statistics, today], () => chartsPanel(statistics, today)), part("stages", [employee.funnel], () => stagesPanel(employee.funnel)), part("hours", [employee.workTime, today], () => hoursPanel(employee.workTime, today))),
        h("div.column.tab-clients.calls", {}, part("calls", [employee.calls, minute], () => callsPanel(edges(employee.calls))))]),
      h("div.column", {}, !isWhole ? null : [h("div.column.tab-history", {}, part("history", [state.news, minute], () => historyPanel(state.news))),
        h("div.column.tab-clients", {}, part("leads", [employee.leads, minute], () => leadsPanel(edges(employee.leads))), part("clients", [employee.clients, minute], () => clientsPanel(clients, employee.clients.totalCount)))])),
    h("div.action-bar.no-print", {}, h("button.primary", { type: "button", onclick: () => openCall(employee.id, clients) }, icon("phone"), t("Call")))));
}
