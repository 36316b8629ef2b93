/** What a seller does in two taps: record a call, complete a task, win, lose or flag a deal. All of it waits in the outbox. */

import { h } from "../core/dom.js";
import { money } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { changes, post } from "../core/outbox.js";
import { openDialog } from "./dialog.js";
import { icon } from "./icons.js";

const RECORD_CALL = gql`mutation RecordCall($input: RecordCallInput!) { recordCall(input: $input) { call { id } userErrors { path code message } } }`;
const COMPLETE_TASK = gql`mutation CompleteTask($id: ID!, $at: DateTime, $key: String) { completeTask(id: $id, at: $at, idempotencyKey: $key) { task { id } userErrors { path code message } } }`;
const WIN_DEAL = gql`mutation WinDeal($input: WinDealInput!) { winDeal(input: $input) { deal { id } userErrors { path code message } } }`;
const LOSE_DEAL = gql`mutation LoseDeal($input: LoseDealInput!) { loseDeal(input: $input) { deal { id } userErrors { path code message } } }`;
const FLAG_DEAL = gql`mutation FlagDeal($input: FlagDealInput!) { flagDeal(input: $input) { deal { id } userErrors { path code message } } }`;

/** The change of a record that was made on this device and is not known to be done. @param {string} id */
export const changeOf = (id) => changes().findLast(({ variables }) => (variables.id || variables.input?.id) === id && variables.input?.direction === undefined);

/** @param {string} id */
export function changeChip(id) {
  const change = changeOf(id);
  if (!change || change.state === "sent") return null;
  return h("span.chip", { class: change.state === "refused" ? "danger" : "warn", title: change.message }, change.state === "refused" ? t("refused") : t("waits"));
}

/**
 * @param {string} employee
 * @param {{id: string, name: string}[]} clients to choose from
 */
export function openCall(employee, clients) {
  openDialog(t("Record a call"), (close) => {
    const client = h("select", {}, h("option", { value: "" }, t("no client")), clients.map(({ id, name }) => h("option", { value: id }, name)));
    const direction = h("select", {}, h("option", { value: "OUTBOUND" }, t("outgoing")), h("option", { value: "INBOUND" }, t("incoming")));
    const minutes = h("input", { type: "number", min: 0, max: 600, inputmode: "numeric", value: "3" });
    const note = h("input", { maxlength: 500 });
    const record = (/** @type {string} */ outcome, /** @type {string} */ label) => {
      post(`${t("Call")}: ${label}`, RECORD_CALL, (idempotencyKey, startedAt) => ({
        input: {
          employee, direction: direction.value, outcome, startedAt, client: client.value || null, note: note.value.trim() || null,
          durationSeconds: outcome === "ANSWERED" ? Math.round(Number(minutes.value || 0) * 60) : 0, idempotencyKey,
        },
      }));
      close();
    };
    return [
      h("div.big-actions", {},
        [["ANSWERED", t("Answered"), "good"], ["NO_ANSWER", t("No answer"), ""], ["BUSY", t("Busy"), ""], ["VOICEMAIL", t("Voicemail"), ""]].map(([outcome, label, tone]) =>
          h("button", { type: "button", class: tone || null, onclick: () => record(outcome, label) }, label))),
      h("details", {}, h("summary", {}, t("More about the call")), h("div.form", {},
        h("label.field", {}, t("Client"), client), h("label.field", {}, t("Direction"), direction),
        h("label.field", {}, t("Minutes"), minutes), h("label.field", {}, t("Note"), note))),
    ];
  });
}

/** @param {any} task */
export const completeTask = (task) => post(task.title, COMPLETE_TASK, (key, at) => ({ id: task.id, at, key }));

/** @param {any} deal an open one */
export function openDealActions(deal) {
  openDialog(deal.title, (close, update) => {
    const amount = h("input", { inputmode: "decimal", value: deal.amount?.amount || "", pattern: "[0-9]+([.,][0-9]+)?" });
    const win = () => {
      const value = amount.value.trim().replace(",", ".");
      if (!value) { amount.focus(); return; }
      const money = value === deal.amount?.amount ? null : { amount: value, currency: deal.amount?.currency };
      post(`${t("Won")}: ${deal.title}`, WIN_DEAL, (idempotencyKey, at) => ({ input: { id: deal.id, at, idempotencyKey, ...(money ? { amount: money } : {}) } }));
      close();
    };
    const lose = (/** @type {string | null} */ reason) => {
      post(`${t("Lost")}: ${deal.title}`, LOSE_DEAL, (idempotencyKey, at) => ({ input: { id: deal.id, reason, at, idempotencyKey } }));
      close();
    };
    const flag = (/** @type {string | null} */ problem) => {
      post(`${problem ? t("Problem") : t("Problem solved")}: ${deal.title}`, FLAG_DEAL, (idempotencyKey) => ({ input: { id: deal.id, problem, idempotencyKey } }));
      close();
    };
    const ask = (/** @type {string} */ label, /** @type {string[]} */ offers, /** @type {(text: string) => void} */ done) => {
      const text = h("input", { maxlength: 200, autofocus: true });
      update(h("form.form", { onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); if (text.value.trim()) done(text.value.trim()); } },
        h("div.big-actions", {}, offers.map((offer) => h("button", { type: "button", onclick: () => done(offer) }, offer))),
        h("label.field", {}, label, text), h("button.primary", { type: "submit" }, t("Save"))));
    };
    return [
      h("p.soft", {}, [deal.client?.name, deal.stage.name, money(deal.amount?.amount, deal.amount?.currency)].filter(Boolean).join(" · ")),
      deal.problem ? h("p.late", {}, deal.problem) : null,
      h("div.big-actions", {},
        h("button.good", { type: "button", onclick: win }, icon("trophy"), t("Won")),
        h("button.bad", { type: "button", onclick: () => lose(null) }, icon("lost"), t("Lost"))),
      h("div.actions", {},
        h("button", { type: "button", onclick: () => ask(t("Reason"), [t("Price"), t("Chose another supplier"), t("Put off"), t("No answer")], lose) }, t("Lost, with a reason")),
        deal.hasProblems
          ? h("button", { type: "button", onclick: () => flag(null) }, icon("check"), t("Problem solved"))
          : h("button", { type: "button", onclick: () => ask(t("Problem"), [t("Price"), t("Delivery time"), t("No decision")], flag) }, icon("flag"), t("Problem"))),
      h("label.field", {}, t("Amount when won ({currency})", { currency: deal.amount?.currency || "" }), amount),
    ];
  });
}
