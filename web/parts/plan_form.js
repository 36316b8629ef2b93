/** What a plan starts from and how it is split: one form for each metric. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { readNumber } from "./cells.js";
import { iconButton } from "./controls.js";

/** @param {string} metric @param {string} unit sums of money come out round */
export const newMetric = (metric, unit) => ({ metric, base: "LAST_RESULTS", periods: "3", total: "", uplift: "0", weights: "HISTORY", rounding: unit === "MONEY" ? "10" : unit === "COUNT" ? "1" : "", floor: "", ceiling: "", givenWeights: new Map() });

const BASES = () => [["LAST_RESULTS", t("Results of the last period")], ["LAST_TARGETS", t("Targets of the period before")], ["LAST_YEAR", t("Results a year before")], ["MEAN", t("Mean of the last periods")], ["FORECAST", t("Forecast")], ["TOTAL", t("A given total")]];
const WEIGHTS = () => [["HISTORY", t("By results")], ["EQUAL", t("Evenly")], ["FORECAST", t("By forecast")], ["WORKING_TIME", t("By working time")], ["GIVEN", t("By given weights")]];

/**
 * The input of the API for what the user has entered; numbers that cannot be read are left out.
 * @param {any} plan @param {string} scope @param {{kind: string, offset: number}} period
 */
export function planInput(plan, scope, period) {
  const some = (/** @type {string} */ text) => readNumber(String(text)) ?? undefined;
  return {
    scope, period, leftOut: [...plan.leftOut],
    rampPercent: plan.ramp.split(/[,;\s]+/).filter((/** @type {string} */ each) => readNumber(each) !== null),
    targets: [...plan.targets].map(([key, target]) => ({ owner: key.split(" ")[0], metric: key.split(" ")[1], target })).filter(({ metric }) => plan.metrics.some((/** @type {any} */ each) => each.metric === metric)),
    metrics: plan.metrics.map((/** @type {any} */ { metric, base, periods, total, uplift, weights, rounding, floor, ceiling, givenWeights }) => ({
      metric, base, weights, rounding: some(rounding), floor: some(floor), ceiling: some(ceiling),
      periods: base === "MEAN" ? Number(periods) || 3 : undefined,
      total: base === "TOTAL" ? some(total) || "0" : undefined,
      upliftPercent: base !== "TOTAL" ? signed(uplift) : undefined,
      givenWeights: weights === "GIVEN" ? [...givenWeights].map(([employee, weight]) => ({ employee, weight })) : undefined,
    })),
  };
}

/** @param {string} text */
function signed(text) {
  const value = readNumber(text.replace("−", "-").replace("-", ""));
  return value === null ? undefined : `${/[-−]/.test(text) ? "-" : ""}${value}`;
}

/**
 * @param {any} metric
 * @param {any[]} metrics to choose from
 * @param {{isShown: boolean, onChange: () => void, onShow: () => void, onRemove: (() => void) | null}} options
 */
export function metricForm(metric, metrics, { isShown, onChange, onShow, onRemove }) {
  const choice = (/** @type {string} */ label, /** @type {string} */ name, /** @type {string[][]} */ options) => h("label.field", {}, label,
    h("select", { onchange: (/** @type {any} */ { target }) => { metric[name] = target.value; onChange(); } }, options.map(([value, text]) => h("option", { value, selected: metric[name] === value }, text))));
  const entry = (/** @type {string} */ label, /** @type {string} */ name) => h("label.field", {}, label,
    h("input", { inputmode: "decimal", value: metric[name], oninput: (/** @type {any} */ { target }) => { metric[name] = target.value; onChange(); } }));
  return h("fieldset.plan-metric", { class: isShown ? "shown" : null, onclick: onShow },
    h("legend.hidden", {}, t("Metric")),
    h("div.row", {}, choice(t("Metric"), "metric", metrics.map(({ key, name }) => [key, name])), onRemove ? iconButton("close", t("Remove"), onRemove) : null),
    choice(t("Start from"), "base", BASES()),
    h("div.pair", {},
      metric.base === "TOTAL" ? entry(t("Total"), "total") : entry(t("Uplift, %"), "uplift"),
      metric.base === "MEAN" ? entry(t("Periods"), "periods") : entry(t("Round to"), "rounding")),
    choice(t("Split"), "weights", WEIGHTS()),
    h("details", {}, h("summary", {}, t("Limits for a person")), h("div.pair", {}, entry(t("At least"), "floor"), entry(t("At most"), "ceiling"))));
}
