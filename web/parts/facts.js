/** Small pieces of what is said about a goal. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";

/** @param {string} basis */
export const basisText = (basis) =>
  ({ VALUE: t("no projection"), PACE: t("at the pace so far"), HISTORY: t("from the history of the metric"), FORECAST: t("from the forecast of deals") })[basis] || "";

/** @param {string} term @param {any} value @param {any} [more] */
export const fact = (term, value, more) => h("div.fact", {}, h("dt", {}, term), h("dd", {}, value, more ? h("small", {}, more) : null));

/** Percent of the target that an even pace would have reached by now. @param {any} goal */
export const expectedPercent = ({ progress, target }) => (100 * Number(progress.expectedByNow)) / Number(target);
