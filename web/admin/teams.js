/** Teams: their tree and their managers. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { button, empty, panel } from "../parts/controls.js";
import { attempt, notify } from "../parts/dialog.js";
import { grip } from "../parts/drag_rows.js";
import { openForm, orNull } from "../parts/form.js";
import { personField } from "./person_field.js";

const TEAMS = gql`query AdminTeams { teams { id name parent { id name } manager { id name } members { id } } }`;
const CREATE = gql`mutation AddTeam($input: CreateTeamInput!) { createTeam(input: $input) { team { id } userErrors { path code message } } }`;
const UPDATE = gql`mutation ChangeTeam($input: UpdateTeamInput!) { updateTeam(input: $input) { team { id } userErrors { path code message } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const { teams } = await query(TEAMS);
  /** @param {any} team @returns {number} */
  const depth = (team) => (team.parent ? 1 + depth(teams.find((/** @type {any} */ { id }) => id === team.parent.id)) : 0);
  /** @param {any} [team] @returns {import("../parts/form.js").Field[]} */
  const fields = (team) => [
    { name: "name", label: t("Name"), value: team?.name, required: true },
    { name: "parent", label: t("Part of"), type: "select", value: team?.parent?.id || "", options: [["", t("no other team")], ...teams.filter((/** @type {any} */ { id }) => id !== team?.id).map((/** @type {any} */ { id, name }) => [id, name])] },
    { name: "manager", label: t("Manager"), control: personField("manager", team?.manager) },
  ];
  const save = (/** @type {string} */ document, /** @type {any} */ id) => async (/** @type {Record<string, any>} */ { name, parent, manager }) => {
    await mutate(document, { input: { ...id, name, parent: orNull(parent), manager: orNull(manager), idempotencyKey: newKey() } });
    show(element);
  };
  /** @param {string} id @param {string | null} parent */
  const setParent = async (id, parent) => {
    await mutate(UPDATE, { input: { id, parent, idempotencyKey: newKey() } });
    await show(element);
    /** @type {HTMLElement | null} */ (element.querySelector(`[data-drop="${CSS.escape(id)}"] .grip`))?.focus();
  };
  const move = attempt(async (/** @type {string} */ id, /** @type {string} */ target) => {
    const team = teams.find((/** @type {any} */ each) => each.id === id);
    const before = team.parent?.id || null;
    if ((target || null) === before) return;
    await setParent(id, target || null);
    const name = teams.find((/** @type {any} */ each) => each.id === target)?.name;
    notify(name ? t("{team} is part of {name} now", { team: team.name, name }) : t("{team} is part of no other team now", { team: team.name }), { tone: "good", action: { label: t("Undo"), run: attempt(() => setParent(id, before)) } });
  });
  render(element, h("div.narrow", {}, panel(t("Teams"), button(t("New team"), () => openForm(t("New team"), fields(), save(CREATE, {})), { class: "primary" }),
    teams.length ? h("table.rows", {}, h("tbody", {},
      h("tr.top", { "data-drop": "", "data-name": t("the company"), "data-key": "top" }, h("td.soft", { colspan: 4 }, t("Drag a team by its grip onto another one, or here to make it part of none."))),
      teams.map((/** @type {any} */ team) => h("tr", { "data-key": `${team.id} ${team.parent?.id}`, "data-drop": team.id, "data-name": team.name, style: { "--depth": depth(team) } },
        h("td", {}, h("span.plan-owner", {}, grip(team.id, team.name, move), h("strong", {}, team.name))), h("td.soft", {}, team.manager?.name || "–"), h("td.right.soft", {}, plural("{count} person", "{count} people", team.members.length)),
        h("td.right", {}, button(t("Change"), () => openForm(team.name, fields(team), save(UPDATE, { id: team.id })), { "aria-label": t("Change: {name}", { name: team.name }) })))))) : empty(t("No teams yet.")))));
}
