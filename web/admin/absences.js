/** Absences by person: days on which nothing is expected of them. */

import { mutate, newKey } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { days } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { avatar, button, empty, iconButton, panel } from "../parts/controls.js";
import { attempt } from "../parts/dialog.js";
import { openForm } from "../parts/form.js";
import { moreRows, openPeopleList, searchField } from "../parts/people_list.js";
import { personField } from "./person_field.js";

const ABSENCES = gql`query AdminAbsences($search: String, $after: String) { employees(search: $search, first: 50, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { id name absences { id from to kind } } } } }`;
const SET = gql`mutation SetAbsence($input: SetAbsenceInput!) { setAbsence(input: $input) { absence { id } userErrors { path code message } } }`;
const REMOVE = gql`mutation RemoveAbsence($id: ID!, $key: String!) { removeAbsence(id: $id, idempotencyKey: $key) { employee { id } userErrors { path code message } } }`;

/** @returns {[string, string][]} */
const kinds = () => [["VACATION", t("vacation")], ["SICK", t("sick")], ["OTHER", t("other")]];

/** @param {any[]} people of the pages that have been read */
const absentFirst = (people) => [...people.filter(({ absences }) => absences.length), ...people.filter(({ absences }) => !absences.length)];

/** @param {HTMLElement} element */
export async function show(element) {
  const list = await openPeopleList(ABSENCES, () => draw());
  /** @param {any} [person] whose absence it is; else it is asked for */
  const add = (person) => openForm(person?.name || t("Absence"), [
    ...(person ? [] : [/** @type {import("../parts/form.js").Field} */ ({ name: "employee", label: t("Who"), control: personField("employee") })]),
    { name: "kind", label: t("Kind"), type: "select", value: "VACATION", options: kinds() },
    { name: "from", label: t("First day"), type: "date", required: true },
    { name: "to", label: t("Last day"), type: "date", required: true },
  ], async (values) => { await mutate(SET, { input: { employee: person?.id, ...values, idempotencyKey: newKey() } }); await list.reload(); });
  const remove = attempt(async (/** @type {string} */ id) => { await mutate(REMOVE, { id, key: newKey() }); await list.reload(); });
  const names = new Map(kinds());
  const draw = () => render(element, h("div.narrow", {}, panel(t("Absences"), h("div.actions", {}, searchField(list), button(t("New absence"), () => add(), { class: "primary" })),
    list.rows.length ? h("ul.list", {}, absentFirst(list.rows).map((person) => h("li", { "data-key": person.id }, avatar(person),
      h("span.grow", {}, h("span.line", {}, person.name),
        [...person.absences].reverse().map(({ id, from, to, kind }) => h("span.absence", { "data-key": id }, h("span", {}, days(from, to)), h("span.chip", {}, names.get(kind)), iconButton("close", t("Remove"), () => remove(id))))),
      button(t("Add"), () => add(person), { "aria-label": t("Add an absence of {name}", { name: person.name }) })))) : empty(t("Nobody of this name.")),
    moreRows(list))));
  draw();
}
