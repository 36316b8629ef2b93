/** The company's settings, its days off and on, and exchange rates. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { dayOfYear, number } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { button, empty, iconButton, panel } from "../parts/controls.js";
import { COMPANY_FIELDS, companyForm } from "../parts/company_form.js";
import { attempt, notify } from "../parts/dialog.js";
import { openForm } from "../parts/form.js";

const COMPANY = gql`query AdminCompany { company { ...CompanyFields days { date kind name } exchangeRates { currency rate from } } } ${COMPANY_FIELDS}`;
const SET_DAYS = gql`mutation SetDays($days: [CompanyDayInput!]!, $key: String!) { setCompanyDays(days: $days, idempotencyKey: $key) { company { id } userErrors { path code message } } }`;
const REMOVE_DAYS = gql`mutation RemoveDays($dates: [Date!]!, $key: String!) { removeCompanyDays(dates: $dates, idempotencyKey: $key) { company { id } userErrors { path code message } } }`;
const SET_RATE = gql`mutation SetRate($input: ExchangeRateInput!) { setExchangeRate(input: $input) { company { id } userErrors { path code message } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const { company } = await query(COMPANY);
  const again = () => show(element);
  const addDay = () => openForm(t("A day of the company's own"), [
    { name: "date", label: t("Day"), type: "date", required: true },
    { name: "kind", label: t("Kind"), type: "select", value: "OFF", options: [["OFF", t("nobody works")], ["ON", t("a working day")]] },
    { name: "name", label: t("What the day is"), required: true },
  ], async (values) => { await mutate(SET_DAYS, { days: [values], key: newKey() }); again(); });
  const addRate = () => openForm(t("Exchange rate"), [
    { name: "currency", label: t("Currency"), required: true, hint: t("Three letters, such as USD.") },
    { name: "rate", label: t("Value of one unit in {currency}", { currency: company.currency }), type: "number", required: true },
    { name: "from", label: t("From"), type: "date" },
  ], async ({ currency, rate, from }) => { await mutate(SET_RATE, { input: { currency: currency.toUpperCase(), rate, ...(from ? { from } : {}), idempotencyKey: newKey() } }); again(); });
  render(element, h("div.dashboard", {},
    panel(t("Settings"), null, h("div.two-columns", {}, companyForm(company, () => notify(t("Saved"), { tone: "good" })))),
    h("div.column", {},
      panel(t("Days off and on"), button(t("Add"), addDay), company.days.length ? h("ul.list", {}, company.days.map((/** @type {any} */ { date, kind, name }) => h("li", { "data-key": date },
        h("span.grow", {}, h("span.line", {}, name), h("small", {}, dayOfYear(date))), h("span.chip", { class: kind === "ON" ? "warn" : null }, kind === "ON" ? t("a working day") : t("nobody works")),
        iconButton("close", t("Remove"), attempt(async () => { await mutate(REMOVE_DAYS, { dates: [date], key: newKey() }); await again(); }))))) : empty(t("Only weekdays and public holidays decide."))),
      panel(t("Exchange rates"), button(t("Add"), addRate), company.exchangeRates.length ? h("ul.list", {}, company.exchangeRates.map((/** @type {any} */ { currency, rate, from }) => h("li", { "data-key": `${currency} ${from}` },
        h("span.grow", {}, `1 ${currency} = ${number(rate, 6)} ${company.currency}`), h("small", {}, t("from {day}", { day: dayOfYear(from) }))))) : empty(t("All deals are in the company's currency."))))));
}
