/** Devices: wallboards and integrations, with their tokens. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { ago } from "../core/format.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { button, empty, panel } from "../parts/controls.js";
import { attempt, openDialog } from "../parts/dialog.js";
import { openForm, orNull } from "../parts/form.js";
import { createDevice, wallboardLink } from "../parts/wallboard_link.js";

const DEVICES = gql`query AdminDevices { devices { id name kind createdAt lastSeenAt revokedAt scope { id name } } teams { id name } company { id name } }`;
const REVOKE = gql`mutation RevokeDevice($id: ID!, $key: String!) { revokeDevice(id: $id, idempotencyKey: $key) { device { id } userErrors { path code message } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const { devices, teams, company } = await query(DEVICES);
  const kinds = { WALLBOARD: t("Wallboard"), INTEGRATION: t("Integration") };
  const add = () => openForm(t("New device"), [
    { name: "name", label: t("Name"), required: true },
    { name: "kind", label: t("Kind"), type: "select", options: /** @type {any} */ (Object.entries(kinds)) },
    { name: "scope", label: t("For"), type: "select", options: [["", company.name], ...teams.map((/** @type {any} */ { id, name }) => [id, name])] },
  ], async ({ name, kind, scope }) => {
    const token = await createDevice({ name, kind, scope: orNull(scope) });
    openDialog(name, () => (kind === "WALLBOARD" ? wallboardLink(token) : [h("p", {}, t("The token of the integration. It is shown only once.")), h("input.mono", { readonly: true, value: token, onfocus: (/** @type {any} */ { target }) => target.select() })]));
    show(element);
  });
  const active = devices.filter((/** @type {any} */ { revokedAt }) => !revokedAt);
  render(element, h("div.narrow", {}, panel(t("Devices"), button(t("New device"), add, { class: "primary" }),
    active.length ? h("ul.list", {}, active.map((/** @type {any} */ { id, name, kind, scope, lastSeenAt }) => h("li", { "data-key": id },
      h("span.grow", {}, h("span.line", {}, h("strong", {}, name)), h("small", {}, [/** @type {any} */ (kinds)[kind], scope.name, lastSeenAt ? t("seen {when}", { when: ago(lastSeenAt) }) : t("never seen")].join(" · "))),
      button(t("Revoke"), attempt(async () => { await mutate(REVOKE, { id, key: newKey() }); await show(element); }), { class: "bad", "aria-label": t("Revoke: {name}", { name }) })))) : empty(t("No devices.")))));
}
