/** The panels of a person's card. */

import { h } from "../core/dom.js";
import { ago, chance, changeText, dayAndTime, duration, figure, money, number, percent, shortMoney } from "../core/format.js";
import { plural, t } from "../core/i18n.js";
import { changeChip, changeOf, completeTask, openDealActions } from "./card_actions.js";
import { empty, panel } from "./controls.js";
import { columns } from "./charts.js";
import { fact } from "./facts.js";

/**
 * A list of which only the first rows are open.
 * @param {string} kind of the list @param {any[]} rows @param {number} count of open rows
 */
const limited = (kind, rows, count) => [h(kind, {}, rows.slice(0, count)),
  rows.length > count ? h("details.more", {}, h("summary", {}, plural("{count} more", "{count} more", rows.length - count)), h(kind, {}, rows.slice(count))) : null];

/** @param {number} count */
const countOf = (count) => h("small", {}, number(count));

/** @param {any[]} tasks @param {number} total */
export const tasksPanel = (tasks, total) =>
  panel(t("Tasks"), countOf(total), tasks.length ? h("ul.list", {}, tasks.map((task) => {
    const change = changeOf(task.id);
    const done = change !== undefined && change.state !== "refused";
    return h("li", { "data-key": task.id, class: done ? "done" : null },
      h("button.tick", { type: "button", "aria-label": t("Complete: {task}", { task: task.title }), disabled: done, onclick: () => completeTask(task) }),
      h("span.grow", {}, h("span", {}, task.title),
        h("small.line", {}, [task.kind === "ASSIGNMENT" && task.createdBy ? t("from {name}", { name: task.createdBy.name }) : null, task.client?.name || task.deal?.title].filter(Boolean).join(" · "))),
      changeChip(task.id) || (task.dueAt ? h("span.chip", { class: task.overdue ? "danger" : null }, dayAndTime(task.dueAt)) : null));
  })) : empty(t("Nothing to do. All tasks are completed.")));

/** @param {any[]} deals @param {number} total */
export const dealsPanel = (deals, total) =>
  panel(t("Open deals"), countOf(total), deals.length ? limited("ul.list", deals.map((deal) => h("li", { "data-key": deal.id, class: changeOf(deal.id)?.state === "waiting" ? "done" : null },
    h("button.deal-open.grow", { type: "button", "aria-haspopup": "dialog", onclick: () => openDealActions(deal) },
      h("span.row", {}, h("span.line.grow", {}, deal.title), h("span.amount", {}, money(deal.amount?.amount, deal.amount?.currency))),
      h("span.row", {}, h("small.line.grow", {}, [deal.stage.name, deal.client?.name].filter(Boolean).join(" · ")),
        changeChip(deal.id), deal.hasProblems ? h("span.chip.warn", { title: deal.problem }, t("problem")) : null,
        deal.winProbability === null ? null : h("small", { title: t("Chance to be won") }, chance(deal.winProbability)))))), 12) : empty(t("No open deals.")));

/** @param {any} statistics @param {string} today */
export const chartsPanel = ({ series, winRatePercent, averageDealAmount, medianSalesCycleDays, period }, today) =>
  panel(t("Results"), h("small", {}, period.label),
    h("dl.facts", {}, fact(t("Win rate"), percent(winRatePercent)), fact(t("Average deal"), shortMoney(averageDealAmount)), fact(t("Sales cycle"), medianSalesCycleDays === null ? "–" : t("{count} days", { count: number(medianSalesCycleDays, 0) }))),
    h("div.charts", {}, series.map((/** @type {any} */ { metric, total, previousTotal, points }) => {
      const change = Number(previousTotal) ? (100 * (Number(total) - Number(previousTotal))) / Number(previousTotal) : null;
      const value = figure(total, metric.unit, true);
      return h("figure.chart", { "data-key": metric.key },
        h("figcaption.row", {}, h("span.line.grow.soft", {}, metric.name), h("strong", {}, value),
          change === null || Math.abs(change) < 0.5 ? null : h("small", { class: change > 0 ? "good" : "bad", title: t("compared with the same part of the period before") }, changeText(change))),
        points.some((/** @type {any} */ point) => Number(point.value)) ? columns(points, metric.unit, `${metric.name}: ${value}`, today) : null);
    })));

/** Clients over the stages of the funnel. @param {any} funnel */
export function stagesPanel({ stages, weakest }) {
  const most = Math.max(1, ...stages.map((/** @type {any} */ { clients }) => clients));
  return panel(t("Clients over the funnel"), null, h("ul.stages", {}, stages.map((/** @type {any} */ { stage, clients, openDeals, openAmount, weak, slow, stalled }) => h("li", { "data-key": stage.id },
    h("span.row", {}, h("span.line.grow", {}, stage.name, " ", weakest?.stage.id === stage.id || weak ? h("span.chip.danger", {}, t("weak")) : slow ? h("span.chip.warn", {}, t("slow")) : null),
      h("small", {}, plural("{count} deal", "{count} deals", openDeals), stalled ? `, ${plural("{count} is stuck", "{count} are stuck", stalled)}` : ""), h("strong", {}, shortMoney(openAmount))),
    h("span.stage-bar", {}, h("i", { style: { width: `${(100 * clients) / most}%` } }), h("b", {}, plural("{count} client", "{count} clients", clients)))))));
}

/** @param {any} workTime @param {string} today */
export const hoursPanel = (workTime, today) =>
  workTime && workTime.totalHours > 0 ? panel(t("Hours"), h("strong", {}, t("{count} h", { count: number(workTime.totalHours) })),
    columns(workTime.days.map((/** @type {any} */ { date, hours }) => ({ start: date, value: hours })), "HOURS", t("Hours of each day"), today)) : null;

/** @param {any[]} activities */
export const historyPanel = (activities) =>
  panel(t("History"), null, activities.length ? limited("ul.list.news", activities.map(({ id, at, summary, actor }) => h("li", { "data-key": id },
    h("span.grow", {}, h("span", {}, summary), h("small.line", {}, [ago(at), actor?.name].filter(Boolean).join(" · "))))), 8) : empty(t("Nothing yet.")));

/** @param {string} status */
const leadStatus = (status) => ({ NEW: t("new"), IN_PROGRESS: t("in progress"), CONVERTED: t("converted"), REJECTED: t("rejected") })[status] || status;

/** @param {any[]} leads */
export const leadsPanel = (leads) =>
  panel(t("Leads"), null, leads.length ? limited("ul.list", leads.map(({ id, title, status, source, createdAt, contactName, phone }) => h("li", { "data-key": id },
    h("span.grow", {}, h("span.line", {}, title), h("small.line", {}, [contactName, source, ago(createdAt)].filter(Boolean).join(" · "))),
    phone ? h("a.link", { href: `tel:${phone.replace(/[^+\d]/g, "")}` }, phone) : null,
    h("span.chip", { class: { NEW: "warn", CONVERTED: "fine" }[String(status)] }, leadStatus(status)))), 4) : empty(t("No leads.")));

/** @param {any[]} clients @param {number} total */
export const clientsPanel = (clients, total) =>
  panel(t("Clients"), countOf(total), clients.length ? limited("ul.list", clients.map(({ id, name, phone, wonAmount, lastActivityAt }) => h("li", { "data-key": id },
    h("span.grow", {}, h("span.line", {}, name), h("small.line", {}, lastActivityAt ? t("last activity {when}", { when: ago(lastActivityAt) }) : t("no activity yet"))),
    phone ? h("a.link", { href: `tel:${phone.replace(/[^+\d]/g, "")}` }, phone) : null,
    Number(wonAmount) ? h("span.amount", {}, shortMoney(wonAmount)) : null)), 6) : empty(t("No clients.")));

/** @param {string} outcome */
const outcomeName = (outcome) => ({ ANSWERED: t("Answered"), NO_ANSWER: t("No answer"), BUSY: t("Busy"), VOICEMAIL: t("Voicemail") })[outcome] || outcome;

/** @param {any[]} calls */
export const callsPanel = (calls) =>
  panel(t("Calls"), null, calls.length ? limited("ul.list", calls.map(({ id, direction, outcome, startedAt, durationSeconds, note, client }) => h("li", { "data-key": id },
    h("span.grow", {}, h("span.line", {}, `${direction === "INBOUND" ? "↙" : "↗"} ${client?.name || outcomeName(outcome)}`), h("small.line", {}, [ago(startedAt), note].filter(Boolean).join(" · "))),
    h("span.chip", { class: outcome === "ANSWERED" ? "fine" : null }, outcome === "ANSWERED" ? duration(durationSeconds) : outcomeName(outcome)))), 4) : empty(t("No calls.")));
