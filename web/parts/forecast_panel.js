/** The forecast of won deals against the target, and how good earlier forecasts were. */

import { h } from "../core/dom.js";
import { chance, money, percent, shortMoney } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { panel } from "./controls.js";
import { forecastBar, forecastHistory } from "./charts.js";
import { fact } from "./facts.js";
import { openDeal } from "./details.js";

export const FORECAST_FIELDS = gql`fragment ForecastFields on Forecast {
  confidence booked pipeline newBusiness expected low median high target attainmentProbability
  openPipeline { deals amount }
}`;

/** @param {any} forecast @param {any} past accuracy, earlier forecasts and deals, which change slowly and keep their place while they are being read */
export function forecastPanel(forecast, past) {
  const { confidence, booked, pipeline, newBusiness, expected, low, high, target, attainmentProbability, openPipeline } = forecast;
  const known = confidence !== "NONE";
  const isOver = openPipeline === null; // then all of it is booked
  const difference = target ? Number(expected) - Number(target) : 0;
  const accuracy = past?.accuracy;
  return panel(t("Forecast against plan"), isOver || confidence === "NORMAL" ? null : h("span.chip.warn", {}, known ? t("rough") : t("too little history")),
    h("p.big", {}, money(known ? expected : booked)),
    target ? h("p.soft", { class: difference < 0 ? "late" : "good" }, difference < 0 ? t("{amount} below the target of {target}", { amount: shortMoney(-difference), target: money(target) }) : t("{amount} above the target of {target}", { amount: shortMoney(difference), target: money(target) })) : h("p.soft", {}, t("no target for this period")),
    forecastBar(forecast),
    isOver ? null : h("dl.facts", {},
      fact(h("span.key.booked", {}, t("Won")), shortMoney(booked)),
      fact(t("From open deals"), shortMoney(pipeline), plural("{count} deal", "{count} deals", openPipeline.deals)),
      fact(t("New business"), shortMoney(newBusiness)),
      known ? fact(h("span.key.range", {}, t("Range")), `${shortMoney(low)} – ${shortMoney(high)}`) : null,
      target ? fact(t("Chance"), chance(attainmentProbability)) : null),
    past?.saidBefore?.length > 2 ? forecastHistory(past.saidBefore, target) : past ? null : h("div.history"),
    accuracy ? h("p.soft", {}, plural("In {count} past period it was off by {error} on average", "In {count} past periods it was off by {error} on average", accuracy.periods, { error: percent(accuracy.wape) }), ", ",
      accuracy.biasPercent > 1 ? t("{bias} too high", { bias: percent(accuracy.biasPercent) }) : accuracy.biasPercent < -1 ? t("{bias} too low", { bias: percent(-accuracy.biasPercent) }) : t("without a lean"), ".") : null,
    accuracy ? h("p.soft", {}, t("The plain weighted pipeline: {error}.", { error: percent(accuracy.weightedPipelineWape) })) : null,
    past?.deals?.length ? h("details.more", {}, h("summary", {}, t("Deals that matter most")), h("ul.list", {}, past.deals.map((/** @type {any} */ { deal, winProbability, expected: part }) =>
      h("li", { "data-key": deal.id }, h("button.link.line.grow", { type: "button", onclick: () => openDeal(deal.id) }, deal.title), h("small", {}, chance(winProbability)), h("span.amount", {}, shortMoney(part)))))) : null);
}
