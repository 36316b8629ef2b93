/** Metrics: the built-in ones, and the company's own. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { button, panel } from "../parts/controls.js";
import { openForm, orNull } from "../parts/form.js";

const METRICS = gql`query AdminMetrics { metrics { key name description unit builtIn } }`;
const CREATE = gql`mutation CreateMetric($input: CreateMetricInput!) { createMetric(input: $input) { metric { key } userErrors { path code message } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const { metrics } = await query(METRICS);
  const units = { COUNT: t("count"), MONEY: t("money"), HOURS: t("hours") };
  const add = () => openForm(t("New metric"), [
    { name: "name", label: t("Name"), required: true },
    { name: "key", label: t("Key"), required: true, hint: t("Small Latin letters and underscores; it stays for ever.") },
    { name: "unit", label: t("Unit"), type: "select", options: /** @type {any} */ (Object.entries(units)) },
    { name: "description", label: t("What it counts") },
  ], async ({ description, ...values }) => { await mutate(CREATE, { input: { ...values, description: orNull(description), idempotencyKey: newKey() } }); show(element); });
  render(element, panel(t("Metrics"), button(t("New metric"), add, { class: "primary" }), h("div.scroll", {}, h("table.rows", {}, h("tbody", {}, metrics.map((/** @type {any} */ metric) => h("tr", { "data-key": metric.key },
    h("td", {}, h("strong", {}, metric.name), h("small.block", {}, metric.description)), h("td.mono.soft", {}, metric.key), h("td.soft", {}, /** @type {any} */ (units)[metric.unit]), h("td.right", {}, metric.builtIn ? null : h("span.chip.fine", {}, t("own"))))))))));
}
