/** The funnel of a pipeline: what entered each stage, how much went on, and which stages are weak, and why. */

import { h } from "../core/dom.js";
import { money, number, percent } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";

export const FUNNEL_FIELDS = gql`fragment FunnelFields on Funnel {
  stages {
    stage { id name } openDeals openAmount clients entered advanced lost conversionPercent conversionLowPercent
    conversionHighPercent immature benchmarkPercent medianDaysInStage stalled weak slow
  }
  weakest { stage { id } }
}`;

/** @param {any} stage @returns {string[]} what is wrong with it, as sentences */
function reasons(stage) {
  const sentences = [];
  if (stage.weak) {
    sentences.push(t("{own} go on (between {low} and {high}), elsewhere {others}", {
      own: percent(stage.conversionPercent), low: percent(stage.conversionLowPercent), high: percent(stage.conversionHighPercent), others: percent(stage.benchmarkPercent),
    }));
  }
  if (stage.slow) sentences.push(t("deals stay longer than elsewhere: {days} days", { days: number(stage.medianDaysInStage, 0) }));
  if (stage.stalled) sentences.push(plural("{count} deal is stuck", "{count} deals are stuck", stage.stalled));
  return sentences;
}

/** @param {any} funnel */
export function funnelTable({ stages, weakest }) {
  const most = Math.max(...stages.map((/** @type {any} */ { entered }) => entered), 1);
  return h("div.scroll", {}, h("table.funnel", {},
    h("thead", {}, h("tr", {}, h("th", {}, t("Stage")), h("th", {}, t("Entered")), h("th.right", {}, t("Go on")), h("th.right", {}, t("Days")), h("th.right", {}, t("Open now")))),
    h("tbody", {}, stages.map((/** @type {any} */ stage) => {
      const marked = weakest?.stage.id === stage.stage.id;
      const wrong = reasons(stage);
      return h("tr", { "data-key": stage.stage.id },
        h("td", {}, h("span.line", {}, h("strong", {}, stage.stage.name), " ", marked ? h("span.chip.danger", {}, t("weakest")) : stage.weak ? h("span.chip.danger", {}, t("weak")) : stage.slow ? h("span.chip.warn", {}, t("slow")) : null),
          wrong.length ? h("small.stage-why", { class: stage.weak ? "bad" : stage.slow ? "late" : null }, wrong.join("; ")) : null),
        h("td.funnel-bar", {}, h("span", { style: { width: `${(100 * stage.entered) / most}%` } }), h("b", {}, stage.entered)),
        h("td.right", { title: stage.immature ? t("Many of these deals are not decided yet") : null }, percent(stage.conversionPercent), stage.immature ? h("small", {}, " *") : null),
        h("td.right", {}, number(stage.medianDaysInStage, 0)),
        h("td.right", {}, stage.openDeals, h("small.block", {}, money(stage.openAmount))));
    }))),
    stages.some((/** @type {any} */ { immature }) => immature) ? h("small", {}, t("* many of these deals are not decided yet")) : null);
}
