/** What moved the forecast, and what people expect beside it: submissions, an adjustment, and the categories of deals. */

import { mutate, newKey } from "../core/client.js";
import { h } from "../core/dom.js";
import { calendarDate, day as dayName, dayAndTime, dayOf, money, shortMoney } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { canForOthers } from "../core/session.js";
import { button, empty, panel } from "./controls.js";
import { openDeal } from "./details.js";
import { notify } from "./dialog.js";
import { fact } from "./facts.js";
import { openForm, orNull } from "./form.js";

export const JUDGEMENT = gql`query Judgement($scope: ID, $period: PeriodInput) {
  forecast(scope: $scope, period: $period) {
    lastWeek: drivers(since: LAST_WEEK) { ...DriverFields }
    yesterday: drivers(since: YESTERDAY) { ...DriverFields }
    today: drivers(since: TODAY) { ...DriverFields }
    submitted submissions { scope { id name } amount at author { name } }
    calls(first: 12) { kind amount note at author { name } }
    adjustment { amount note at author { name } }
    categories { category cumulative }
  }
}
fragment DriverFields on ForecastDrivers { state day change drivers { kind amount dealCount deals(first: 3) { amount deal { id title } } } }`;
const SUBMIT = gql`mutation SubmitForecast($input: SubmitForecastInput!) { submitForecast(input: $input) { call { amount } userErrors { path message } } }`;
const ADJUST = gql`mutation AdjustForecast($input: AdjustForecastInput!) { adjustForecast(input: $input) { call { amount } userErrors { path message } } }`;
const CALLED_PERIODS = new Set(["MONTH", "QUARTER"]);

/** @param {string} kind */
const kindName = (kind) => ({
  WON: t("Won"), LOST: t("Lost"), NEW: t("New deals"), SLIPPED: t("Time passed on open deals"), MOVED: t("Moved in the pipeline"),
  REASSIGNED: t("Reassigned"), REPRICED: t("Other amounts"), MODEL: t("Model and business to come"),
})[kind] || kind;

/** @param {string | number} amount */
const signed = (amount) => Math.abs(Number(amount)) < 1 ? h("span.amount", {}, shortMoney(0)) : h("span.amount", { class: Number(amount) < 0 ? "late" : "good" }, `${Number(amount) < 0 ? "−" : "+"}${shortMoney(Math.abs(Number(amount)))}`);

/** @param {any} past what `JUDGEMENT` has read, and more; null while it is being read */
export function driversPanel(past) {
  if (!past?.yesterday) return null;
  const all = [past.yesterday, past.today, past.lastWeek];
  const known = all.filter(({ state }) => state === "READY");
  const days = new Map(known.map((drivers) => [drivers.day, drivers])); // several may be of one morning
  if (!days.size) return all[0].state === "PERIOD_OVER" ? null : panel(t("What moved the forecast"), null, empty(t("From tomorrow on, this compares with the morning before.")));
  return panel(t("What moved the forecast"), null, [...days.values()].map(driversSince));
}

/** @param {any} since @param {number} place */
function driversSince({ day, change, drivers }, place) {
  const moved = drivers.filter((/** @type {any} */ { amount }) => Math.abs(Number(amount)) >= 1);
  const title = day === calendarDate(new Date()) ? t("since this morning") : t("since {day}, in the morning", { day: dayName(day) });
  return h("details.more", { open: place === 0, "data-key": day }, h("summary", {}, title, " ", signed(change)),
    moved.length ? h("ul.list", {}, moved.map(driverLine)) : h("p.soft", {}, t("Nothing has moved it.")));
}

/** @param {any} driver */
function driverLine({ kind, amount, dealCount, deals }) {
  return h("li", { "data-key": kind }, h("span.line.grow", { title: deals.map((/** @type {any} */ { deal }) => deal.title).join(", ") }, kindName(kind)),
    deals.length ? h("button.link", { type: "button", onclick: () => openDeal(deals[0].deal.id) }, plural("{count} deal", "{count} deals", dealCount)) : null, signed(amount));
}

/** @param {any} call @param {string} name who said it, or for whom */
const callLine = ({ kind, amount, note, at }, name) => h("li", {}, h("span.grow", {}, h("span.line", {}, name), h("small", {}, [dayAndTime(at), kind === "ADJUSTMENT" ? t("Adjusted") : null, note].filter(Boolean).join(" · "))),
  h("span.amount", {}, amount === null ? t("withdrawn") : shortMoney(amount)));

/**
 * @param {any} past as for `driversPanel`
 * @param {{scope: {id: string, name: string, __typename: string}, period: {kind: string}, forecast: any, reread: () => void}} question
 */
export function callsPanel(past, { scope, period, forecast, reread }) {
  if (!past?.categories) return null;
  const { submitted, submissions, adjustment, categories, calls } = past;
  const cumulative = new Map(categories.map((/** @type {any} */ row) => [row.category, row.cumulative]));
  const ownCall = submissions.find((/** @type {any} */ call) => call.scope.id === scope.id);
  const isOver = forecast.openPipeline === null; // then only what was said before is of interest
  if (isOver && submitted === null && !ownCall && !adjustment) return null;
  const mayCall = !isOver && CALLED_PERIODS.has(period.kind) && canForOthers("SUBMIT_FORECAST");
  return panel(isOver ? t("What people expected") : t("What people expect"), null,
    h("dl.facts", {},
      isOver ? fact(t("Won"), shortMoney(forecast.booked)) : [
        fact(t("Forecast"), shortMoney(forecast.expected)),
        fact(t("Committed"), shortMoney(cumulative.get("COMMIT"))),
        fact(t("Best case"), shortMoney(cumulative.get("BEST_CASE")))],
      submitted === null ? null : fact(t("Submitted by sellers"), shortMoney(submitted)),
      ownCall ? fact(t("Submitted"), shortMoney(ownCall.amount)) : null,
      adjustment ? fact(t("Adjusted"), shortMoney(adjustment.amount)) : null),
    adjustment ? h("p.soft", {}, `${adjustment.author?.name ?? ""}, ${dayOf(adjustment.at)}: ${adjustment.note}`) : null,
    submissions.some((/** @type {any} */ call) => call.scope.id !== scope.id) ? h("details.more", { "data-key": "submissions" }, h("summary", {}, t("Who has submitted what")),
      h("ul.list", {}, submissions.map((/** @type {any} */ call) => callLine(call, call.author && call.author.name !== call.scope.name ? `${call.scope.name} (${call.author.name})` : call.scope.name)))) : null,
    calls.length ? h("details.more", { "data-key": "calls" }, h("summary", {}, t("What was said about {scope}", { scope: scope.name })), h("ul.list", {}, calls.map((/** @type {any} */ call) => callLine(call, call.author?.name || "–")))) : null,
    mayCall ? h("div.actions", {}, button(t("Submit"), () => openCall(t("Submit a forecast"), SUBMIT, "submitForecast", false)), button(t("Adjust"), () => openCall(t("Adjust the forecast"), ADJUST, "adjustForecast", true))) : null);

  /** @param {string} title @param {string} document @param {string} name @param {boolean} needsNote */
  function openCall(title, document, name, needsNote) {
    const key = newKey();
    openForm(title, [
      { name: "amount", label: t("Amount"), type: "number", required: true, hint: t("The machine expects {amount}.", { amount: money(forecast.expected) }) },
      { name: "note", label: t("Note"), type: "textarea", required: needsNote, rows: 2 },
    ], async ({ amount, note }) => {
      await mutate(document, { input: { scope: scope.id, period, amount: { amount: String(amount) }, note: needsNote ? note : orNull(note), idempotencyKey: key } });
      notify(t("Saved."), { tone: "good" });
      reread();
    });
  }
}
