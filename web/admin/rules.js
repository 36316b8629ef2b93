/** Alert rules, each with a dry run over the past days. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { money, number } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { button, empty, panel } from "../parts/controls.js";
import { attempt, openDialog } from "../parts/dialog.js";
import { openForm } from "../parts/form.js";

const RULES = gql`query AdminRules {
  alertRules { id kind enabled days hours percent channels coolDownHours minAmount stage { id name } scope { id name } recipients }
  groups { id name } pipelines { id name stages { id name } }
}`;
const CREATE = gql`mutation CreateRule($input: AlertRuleInput!) { createAlertRule(input: $input) { rule { id } userErrors { path code message } } }`;
const UPDATE = gql`mutation UpdateRule($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) { rule { id } userErrors { path code message } } }`;
const DELETE = gql`mutation DeleteRule($id: ID!, $key: String!) { deleteAlertRule(id: $id, idempotencyKey: $key) { rule { id } userErrors { path code message } } }`;
const TEST = gql`query TestRule($input: AlertRuleInput!, $days: Int!) { testAlertRule(input: $input, days: $days) { alerts perDay examples } }`;

/** The number that a kind takes, beside those that all have. @type {Record<string, string>} */
const NUMBER_OF_KIND = { DEAL_STALLED: "days", NO_ACTIVITY: "days", LEAD_UNTOUCHED: "hours", GOAL_BEHIND: "percent" };
const ABOUT_DEALS = new Set(["DEAL_LOST", "DEAL_HAS_PROBLEMS", "DEAL_STALLED", "DEAL_ENTERED_STAGE", "DEAL_WON"]);

/** @returns {Record<string, string>} */
const kindNames = () => ({
  DEAL_LOST: t("A deal is lost"), DEAL_HAS_PROBLEMS: t("A deal has a problem"), DEAL_STALLED: t("Nothing happens with a deal"), TASK_OVERDUE: t("A task is overdue"), ASSIGNMENT_OVERDUE: t("An assignment is overdue"),
  GOAL_BEHIND: t("A goal is behind its pace"), GOAL_ACHIEVED: t("A goal is reached"), NO_ACTIVITY: t("A person records nothing"), LEAD_UNTOUCHED: t("Nobody answers a lead"), DEAL_ENTERED_STAGE: t("A deal enters a stage"), DEAL_WON: t("A deal is won"),
});
/** @returns {Record<string, string>} */
const recipientNames = () => ({ MANAGER: t("the manager"), EMPLOYEE: t("the employee"), DIRECTORS: t("the directors"), ASSIGNER: t("who gave the task") });

/** The input for a rule as it is. @param {any} rule */
function inputOf({ kind, enabled, days, hours, percent, channels, coolDownHours, minAmount, stage, scope, recipients }) {
  return { kind, enabled, days, hours, percent, channels, coolDownHours, minAmount, stage: stage?.id, scope: scope?.id, recipients };
}

/** The input for what the form has. @param {string} kind @param {Record<string, any>} values */
function inputFrom(kind, { recipients, enabled, scope, stage, channels, ...numbers }) {
  const some = (/** @type {string} */ text) => text || undefined;
  const whole = (/** @type {string} */ text) => (text ? Number(text) : undefined);
  return {
    kind, recipients, enabled, scope: scope || undefined, stage: stage || undefined, channels: channels.split(/[,\s]+/).filter(Boolean),
    days: whole(numbers.days), hours: whole(numbers.hours), percent: whole(numbers.percent), coolDownHours: whole(numbers.coolDownHours), minAmount: some(numbers.minAmount || ""),
  };
}

/** @param {HTMLElement} element */
export async function show(element) {
  const { alertRules, groups, pipelines } = await query(RULES);
  const kinds = kindNames();
  /** @param {string} kind @param {any} [rule] @returns {import("../parts/form.js").Field[]} */
  const fields = (kind, rule) => {
    const texts = { days: t("Days"), hours: t("Working hours"), percent: t("Points below the pace") };
    const name = NUMBER_OF_KIND[kind];
    return [
      ...(name ? [{ name, label: /** @type {any} */ (texts)[name], type: /** @type {const} */ ("number"), value: rule?.[name] ?? "" }] : []),
      ...(kind === "DEAL_ENTERED_STAGE" ? [{ name: "stage", label: t("Stage"), type: /** @type {const} */ ("select"), value: rule?.stage?.id, options: pipelines.flatMap((/** @type {any} */ pipeline) => pipeline.stages.map((/** @type {any} */ { id, name: stage }) => [id, `${pipeline.name}: ${stage}`])) }] : []),
      ...(ABOUT_DEALS.has(kind) ? [{ name: "minAmount", label: t("Only deals from this amount"), type: /** @type {const} */ ("number"), value: rule?.minAmount ?? "" }] : []),
      { name: "scope", label: t("For"), type: "select", value: rule?.scope?.id || groups[0].id, options: groups.map((/** @type {any} */ { id, name: group }) => [id, group]) },
      { name: "recipients", label: t("Who is told"), type: "checks", value: rule?.recipients || ["MANAGER"], options: Object.entries(recipientNames()).filter(([each]) => each !== "ASSIGNER" || kind.endsWith("OVERDUE")) },
      { name: "channels", label: t("Channels beside the inbox"), value: (rule?.channels || []).join(", "), hint: t("Names from the server's settings, with commas; empty for none.") },
      { name: "coolDownHours", label: t("Hours before the same is told again"), type: "number", value: rule?.coolDownHours ?? "" },
      { name: "enabled", label: t("In use"), type: "checkbox", value: rule?.enabled ?? true },
    ];
  };
  const tryOut = attempt(async (/** @type {any} */ input) => {
    const { testAlertRule: test } = await query(TEST, { input, days: 30 });
    openDialog(kinds[input.kind], () => [
      h("p", {}, plural("In the last 30 days it would have raised {count} alert, {daily} a day.", "In the last 30 days it would have raised {count} alerts, {daily} a day.", test.alerts, { daily: number(test.perDay) })),
      h("ul.list", {}, test.examples.map((/** @type {string} */ example) => h("li", {}, example)))]);
  });
  const edit = (/** @type {any} */ rule) => openForm(kinds[rule.kind], fields(rule.kind, rule), async (values) => {
    await mutate(UPDATE, { id: rule.id, input: { ...inputFrom(rule.kind, values), idempotencyKey: newKey() } });
    show(element);
  }, { more: (close) => button(t("Delete"), attempt(async () => { close(); await mutate(DELETE, { id: rule.id, key: newKey() }); await show(element); }), { class: "bad" }) });
  const add = () => openDialog(t("New rule"), (close) => h("div.form", {}, Object.entries(kinds).map(([kind, text]) => button(text, () => {
    close();
    openForm(text, fields(kind), async (values) => { await mutate(CREATE, { input: { ...inputFrom(kind, values), idempotencyKey: newKey() } }); show(element); });
  }))));
  const told = recipientNames();
  render(element, h("div.narrow", {}, panel(t("Alert rules"), button(t("New rule"), add, { class: "primary" }),
    alertRules.length ? h("ul.list.rules", {}, alertRules.map((/** @type {any} */ rule) => h("li", { "data-key": rule.id, class: rule.enabled ? null : "read" },
      h("span.grow", {}, h("strong", {}, kinds[rule.kind] || rule.kind), rule.enabled ? null : h("span.chip", {}, t("not in use")),
        h("small.block", {}, [rule.days ? plural("{count} day", "{count} days", rule.days) : null, rule.hours ? t("{count} h", { count: rule.hours }) : null, rule.percent ? plural("{count} point", "{count} points", rule.percent) : null, rule.stage?.name, rule.minAmount ? t("from {amount}", { amount: money(rule.minAmount) }) : null, rule.scope.name, rule.recipients.map((/** @type {string} */ each) => told[each] || each).join(", ")].filter(Boolean).join(" · "))),
      button(t("Try"), () => tryOut(inputOf(rule)), { "aria-label": t("Try: {rule}", { rule: kinds[rule.kind] }) }),
      button(t("Change"), () => edit(rule), { "aria-label": t("Change: {name}", { name: kinds[rule.kind] }) })))) : empty(t("No rules yet.")))));
}
