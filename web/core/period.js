/** Periods in the address: `period=MONTH&offset=-1`, as the API's PeriodInput. */

import { parameter, withParameters } from "./address.js";
import { t } from "./i18n.js";

export const KINDS = ["WEEK", "MONTH", "QUARTER", "YEAR"];
const FARTHEST = 99_999; // the server names the offsets that it takes, but cannot read larger numbers

/** @returns {{kind: string, offset: number}} */
export function chosenPeriod(fallback = { kind: "MONTH", offset: 0 }) {
  const kind = parameter("period") || fallback.kind;
  const offset = parameter("offset");
  return { kind: KINDS.includes(kind) ? kind : "MONTH", offset: offset === null ? fallback.offset : Math.max(-FARTHEST, Math.min(FARTHEST, Math.trunc(Number(offset)) || 0)) };
}

/** @param {string} kind */
export const kindName = (kind) => ({ WEEK: t("Week"), MONTH: t("Month"), QUARTER: t("Quarter"), YEAR: t("Year"), DAY: t("Day") })[kind] || kind;

/** @param {string} kind @param {number} offset */
export const periodAddress = (kind, offset) => withParameters({ period: kind, offset: String(offset) });

/** Every day of a period, as calendar dates. @param {{start: string, end: string}} period @returns {string[]} */
export function daysOf({ start, end }) {
  const days = [];
  for (let at = Date.parse(`${start}T00:00Z`); at <= Date.parse(`${end}T00:00Z`); at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}
