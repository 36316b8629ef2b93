/** People: add, change, invite, deactivate. */

import { mutate, newKey } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { avatar, button, empty, panel } from "../parts/controls.js";
import { attempt, notify, openDialog } from "../parts/dialog.js";
import { openForm, orNull } from "../parts/form.js";
import { roleName, roleNames } from "../parts/frame.js";
import { moreRows, openPeopleList, searchField } from "../parts/people_list.js";
import { INVITE } from "../parts/people_paste.js";

const PEOPLE = gql`query AdminPeople($search: String, $after: String) {
  employees(search: $search, active: null, first: 50, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { id name email role active online joinedOn team { id name } } } }
  working: employees(first: 1) { totalCount }
  teams { id name parent { id } }
}`;
const CREATE = gql`mutation AddEmployee($input: CreateEmployeeInput!) { createEmployee(input: $input) { employee { id name } userErrors { path code message } } }`;
const UPDATE = gql`mutation ChangeEmployee($input: UpdateEmployeeInput!) { updateEmployee(input: $input) { employee { id } userErrors { path code message } } }`;
const UNLOCK = gql`mutation Unlock($id: ID!, $key: String!) { unlockSignIn(employee: $id, idempotencyKey: $key) { employee { id } userErrors { path code message } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const list = await openPeopleList(PEOPLE, () => draw());
  /** @param {any} [person] @returns {import("../parts/form.js").Field[]} */
  const fields = (person) => [
    { name: "name", label: t("Full name"), value: person?.name, required: true },
    { name: "email", label: t("E-mail"), type: "email", value: person?.email, required: true },
    { name: "role", label: t("Role"), type: "select", value: person?.role || "EMPLOYEE", options: Object.entries(roleNames()) },
    { name: "team", label: t("Team"), type: "select", value: person?.team?.id || "", options: [["", t("no team")], ...list.answer.teams.map((/** @type {any} */ { id, name }) => /** @type {[string, string]} */ ([id, name]))] },
    { name: "joinedOn", label: t("First day of work"), type: "date", value: person?.joinedOn || "" },
  ];
  const add = () => openForm(t("New person"), fields(), async ({ joinedOn, team, ...values }) => {
    const { employee } = await mutate(CREATE, { input: { ...values, team: orNull(team), ...(joinedOn ? { joinedOn } : {}), idempotencyKey: newKey() } });
    await invite(employee);
    list.reload();
  }, { label: t("Create and invite") });
  const change = (/** @type {any} */ person) => openForm(person.name, [...fields(person), { name: "active", label: t("Works here"), type: "checkbox", value: person.active, hint: t("Without the tick the person can no longer sign in, and leaves the leaderboards.") }], async ({ joinedOn, team, ...values }) => {
    await mutate(UPDATE, { input: { id: person.id, ...values, team: orNull(team), joinedOn: orNull(joinedOn), idempotencyKey: newKey() } });
    list.reload();
  }, { more: (close) => [button(t("New link for the password"), () => { close(); invite(person); }), button(t("Unlock the sign-in"), attempt(async () => {
    await mutate(UNLOCK, { id: person.id, key: newKey() });
    notify(t("Unlocked"), { tone: "good" });
  }))] });
  const draw = () => render(element, panel(plural("{count} person", "{count} people", list.answer.working.totalCount), h("div.actions", {}, searchField(list), button(t("New person"), add, { class: "primary" })),
    list.rows.length ? h("div.scroll", {}, h("table.rows.faces-first", {}, h("thead", {}, h("tr", {}, [t("Full name"), t("E-mail"), t("Role"), t("Team")].map((each) => h("th", {}, each)), h("td"))),
      h("tbody", {}, list.rows.map((person) => h("tr", { "data-key": person.id, class: person.active ? null : "inactive" },
        h("td", {}, h("span.plan-owner", {}, avatar(person, person.online), person.name, person.active ? null : h("span.chip", {}, t("has left")))), h("td", {}, person.email), h("td", {}, roleName(person.role)), h("td", {}, person.team?.name || "–"),
        h("td.right", {}, button(t("Change"), () => change(person), { "aria-label": t("Change: {name}", { name: person.name }) }))))))) : empty(t("Nobody of this name.")),
    moreRows(list)));
  draw();
}

/** @param {{id: string, name: string}} person */
async function invite(person) {
  try {
    const { link } = await mutate(INVITE, { input: { employee: person.id, idempotencyKey: newKey() } });
    if (!link) return notify(t("A link to set the password was sent by mail."), { tone: "good" });
    openDialog(person.name, () => [h("p", {}, t("Pass on this link. It works once, and is shown only now.")), h("input", { readonly: true, value: new URL(link, location.href).href, onfocus: (/** @type {any} */ { target }) => target.select() })]);
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
  }
}
