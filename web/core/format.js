/** Writes numbers, money and times as the language of the page and the company's currency and time zone have them. */

import { language, t } from "./i18n.js";

/** @type {{currency: string, timeZone: string}} */
const company = { currency: "EUR", timeZone: "UTC" };

/** @param {{currency: string, timeZone: string}} settings */
export function useCompany(settings) {
  company.currency = settings.currency;
  company.timeZone = settings.timeZone;
}

export const timeZone = () => company.timeZone;
export const currencyOfCompany = () => company.currency;

/** Formats by their options, as to make one takes much longer than to use it. @type {Map<string, any>} */
const formats = new Map();

/**
 * @template Format
 * @param {new (language: string, options: any) => Format} kind @param {Record<string, any>} options @param {string} [code] of the language
 * @returns {Format}
 */
function formatOf(kind, options, code = language()) {
  const key = code + kind.name + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new kind(code, options));
  return formats.get(key);
}

/** @param {number} value @param {Intl.NumberFormatOptions} options */
const write = (value, options) => formatOf(Intl.NumberFormat, options).format(value);

/** @param {number | string | null | undefined} value @param {number} [digits] */
export const number = (value, digits = 1) => (value === null || value === undefined ? "–" : write(Number(value), { maximumFractionDigits: digits }));

/** Without groups of digits, as spreadsheets read it; empty for null. @param {number | string | null} value */
export const plainNumber = (value) => (value === null ? "" : write(Number(value), { maximumFractionDigits: 2, useGrouping: false }));

/** @param {number | string | null | undefined} value @param {string} [currency] */
export function money(value, currency = company.currency) {
  if (value === null || value === undefined) return "–";
  return write(Number(value), { style: "currency", currency, maximumFractionDigits: 0, minimumFractionDigits: 0 });
}

/** Short: €704K. @param {number | string | null | undefined} value */
export function shortMoney(value) {
  if (value === null || value === undefined) return "–";
  const amount = Number(value);
  const size = Math.abs(amount);
  const digits = size >= 1e6 ? 2 : size >= 1e5 || size < 1e3 ? 0 : 1;
  return write(amount, { style: "currency", currency: company.currency, notation: "compact", maximumFractionDigits: digits });
}

/** A value of a metric. @param {number | string | null | undefined} value @param {string} unit @param {boolean} [short] */
export function figure(value, unit, short = false) {
  if (unit === "MONEY") return short ? shortMoney(value) : money(value);
  if (value === null || value === undefined) return "–";
  return unit === "HOURS" ? t("{count} h", { count: number(value) }) : number(value, Number(value) < 100 ? 1 : 0);
}

/** @param {number | null | undefined} value of 100 @param {number} [digits] */
export const percent = (value, digits = 0) => (value === null || value === undefined ? "–" : write(value / 100, { style: "percent", maximumFractionDigits: digits }));

/** A change with its sign; to say how many times a tiny value has grown would say nothing. @param {number} value percent, or points @param {boolean} [points] */
export const changeText = (value, points = false) =>
  Math.abs(value) > 999 ? `> ${percent(999)}` : `${value > 0 ? "+" : "−"}${points ? number(Math.abs(value), 0) : percent(Math.abs(value))}`;

/** A probability is never shown as impossible or certain. @param {number | null | undefined} value 0 to 1 */
export function chance(value) {
  if (value === null || value === undefined) return "–";
  if (value > 0.99) return `> ${percent(99)}`;
  return value < 0.01 ? `< ${percent(1)}` : percent(Math.round(value * 100));
}

/** @param {string | Date} at @param {Intl.DateTimeFormatOptions} options */
const date = (at, options) => formatOf(Intl.DateTimeFormat, { timeZone: company.timeZone, ...options }).format(new Date(at));
/** @param {string} day a calendar date @param {Intl.DateTimeFormatOptions} options */
const calendarDay = (day, options) => formatOf(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).format(new Date(`${day}T00:00Z`));

/** Of another year, the year stands in place of the time. @param {string} at */
export const dayAndTime = (at) => date(at, { day: "numeric", month: "short", ...(calendarDate(at).slice(0, 4) === calendarDate(new Date()).slice(0, 4) ? { hour: "2-digit", minute: "2-digit" } : { year: "numeric" }) });
/** @param {string} at */
export const timeOfDay = (at) => date(at, { hour: "2-digit", minute: "2-digit" });
/** @param {string} at an instant */
export const dayOf = (at) => date(at, { day: "numeric", month: "short" });
/** @param {string} day a calendar date */
export const day = (day) => calendarDay(day, { day: "numeric", month: "short" });
/** @param {string} day a calendar date */
export const dayOfYear = (day) => calendarDay(day, { day: "numeric", month: "short", year: "numeric" });
/** @param {string} from a calendar date @param {string} to the last day */
export const days = (from, to) => formatOf(Intl.DateTimeFormat, { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" }).formatRange(new Date(`${from}T00:00Z`), new Date(`${to}T00:00Z`));
/** @param {string} day a calendar date */
export const weekday = (day) => calendarDay(day, { weekday: "short", day: "numeric" });
/** The calendar date of an instant in the company's time zone. @param {string | Date} at */
export const calendarDate = (at) => formatOf(Intl.DateTimeFormat, { timeZone: company.timeZone }, "sv").format(new Date(at));

/** The instant at which a calendar date begins in the company's time zone. @param {string} day */
export function midnight(day) {
  const guess = Date.parse(`${day}T00:00Z`);
  const offset = Date.parse(`${new Date(guess).toLocaleString("sv", { timeZone: company.timeZone }).replace(" ", "T")}Z`) - guess;
  return new Date(guess - offset);
}

/** "5 min ago", else the day. @param {string} at */
export function ago(at) {
  const seconds = (Date.now() - new Date(at).getTime()) / 1000;
  if (seconds < 45) return t("just now");
  const relative = formatOf(Intl.RelativeTimeFormat, { style: language() === "en" ? "narrow" : "short" });
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86400) return relative.format(-Math.round(seconds / 3600), "hour");
  return dayOf(at);
}

/** @param {string} name */
export const initials = (name) => name.split(/\s+/).slice(0, 2).map((word) => [...word][0] || "").join("").toUpperCase();

/** @param {number} seconds */
export const duration = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
