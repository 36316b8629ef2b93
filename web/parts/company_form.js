/** The company's settings, for the first day and for the administration. */

import { mutate, newKey } from "../core/client.js";
import { gql } from "../core/gql.js";
import { language, t } from "../core/i18n.js";
import { form, orNull } from "./form.js";

export const COMPANY_FIELDS = gql`fragment CompanyFields on Company {
  id name currency timeZone weekStart workingDays holidayCountry holidayRegion workdayStart workdayEnd closeAfterWorkdays employeesSetAbsences
}`;
const UPDATE = gql`mutation UpdateCompany($input: UpdateCompanyInput!) { updateCompany(input: $input) { company { ...CompanyFields } userErrors { path code message } } } ${COMPANY_FIELDS}`;

const WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
/** @param {number} index */
const weekdayName = (index) => new Intl.DateTimeFormat(language(), { weekday: "long", timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1 + index)));
/** @returns {[string, string][]} */
const weekdays = () => WEEKDAYS.map((name, index) => [name, weekdayName(index)]);

/** @param {any} company @param {(company: any) => void} onSaved */
export function companyForm(company, onSaved) {
  const zones = Intl.supportedValuesOf("timeZone");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zones.includes(company.timeZone)) zones.unshift(company.timeZone);
  const names = new Intl.DisplayNames(language(), { type: "currency" });
  const currencies = Intl.supportedValuesOf("currency");
  return form([
    { name: "name", label: t("Name of the company"), value: company.name, required: true },
    { name: "timeZone", label: t("Time zone"), type: "select", value: company.timeZone, options: zones.map((zone) => [zone, zone.replaceAll("_", " ")]), hint: own === company.timeZone ? "" : t("This computer is in {zone}.", { zone: own }) },
    { name: "currency", label: t("Currency"), type: "select", value: company.currency, options: currencies.map((code) => [code, `${code} · ${names.of(code)}`]) },
    { name: "holidayCountry", label: t("Country of the public holidays"), value: company.holidayCountry, hint: t("Two letters, such as DE or RU; empty for none.") },
    { name: "weekStart", label: t("The week begins on"), type: "select", value: company.weekStart, options: weekdays() },
    { name: "workingDays", label: t("Working days"), type: "checks", value: company.workingDays, options: weekdays() },
    { name: "workdayStart", label: t("Working hours from"), type: "time", value: company.workdayStart },
    { name: "workdayEnd", label: t("Working hours until"), type: "time", value: company.workdayEnd },
    { name: "employeesSetAbsences", label: t("People enter their own absences"), type: "checkbox", value: company.employeesSetAbsences },
  ], {
    label: t("Save"),
    submit: async (values) => {
      /** @type {Record<string, any>} */
      const changed = {};
      for (const [name, value] of Object.entries(values)) {
        const after = name === "holidayCountry" ? orNull(value.toUpperCase()) : value;
        if (JSON.stringify(after) !== JSON.stringify(company[name])) changed[name] = after;
      }
      const { company: saved } = await mutate(UPDATE, { input: { ...changed, idempotencyKey: newKey() } });
      onSaved(saved);
    },
  });
}
