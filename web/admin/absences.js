/** Absences: days on which nothing is expected of a person. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { days } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { avatar, button, empty, iconButton, panel } from "../parts/controls.js";
import { attempt } from "../parts/dialog.js";
import { openForm } from "../parts/form.js";

const ABSENCES = gql`query AdminAbsences($after: String) { employees(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node { id name absences { id from to kind } } } } }`;
const SET = gql`mutation SetAbsence($input: SetAbsenceInput!) { setAbsence(input: $input) { absence { id } userErrors { path code message } } }`;
const REMOVE = gql`mutation RemoveAbsence($id: ID!, $key: String!) { removeAbsence(id: $id, idempotencyKey: $key) { employee { id } userErrors { path code message } } }`;

/** @returns {[string, string][]} */
const kinds = () => [["VACATION", t("vacation")], ["SICK", t("sick")], ["OTHER", t("other")]];

/** @param {HTMLElement} element */
export async function show(element) {
  /** @type {any[]} */
  const people = [];
  for (let after = null; ;) {
    const { employees } = await query(ABSENCES, { after });
    people.push(...employees.edges.map((/** @type {any} */ { node }) => node));
    if (!employees.pageInfo.hasNextPage) break;
    after = employees.pageInfo.endCursor;
  }
  const absences = people.flatMap((person) => person.absences.map((/** @type {any} */ absence) => ({ ...absence, person }))).sort((one, other) => other.from.localeCompare(one.from));
  const add = () => openForm(t("Absence"), [
    { name: "employee", label: t("Who"), type: "select", options: people.map(({ id, name }) => [id, name]) },
    { name: "kind", label: t("Kind"), type: "select", value: "VACATION", options: kinds() },
    { name: "from", label: t("First day"), type: "date", required: true },
    { name: "to", label: t("Last day"), type: "date", required: true },
  ], async (values) => { await mutate(SET, { input: { ...values, idempotencyKey: newKey() } }); show(element); });
  const names = new Map(kinds());
  render(element, h("div.narrow", {}, panel(t("Absences"), button(t("New absence"), add, { class: "primary" }),
    absences.length ? h("ul.list", {}, absences.map(({ id, from, to, kind, person }) => h("li", { "data-key": id }, avatar(person),
      h("span.grow", {}, h("span.line", {}, person.name), h("small", {}, days(from, to))), h("span.chip", {}, names.get(kind)),
      iconButton("close", t("Remove"), attempt(async () => { await mutate(REMOVE, { id, key: newKey() }); await show(element); }))))) : empty(t("No absences.")))));
}
