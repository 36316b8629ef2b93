/** The targets of a plan as a table in which any of them can be set by hand. */

import { h } from "../core/dom.js";
import { chance, figure, number, percent } from "../core/format.js";
import { t } from "../core/i18n.js";
import { moveByKey, readNumber, readTable } from "./cells.js";
import { notify } from "./dialog.js";

/**
 * @param {any} preview
 * @param {{plan: any, shown: any, teams: any[], onChange: () => void, stale: boolean}} options
 */
export function planTable(preview, { plan, shown, teams, onChange, stale }) {
  const rows = preview.targets.filter((/** @type {any} */ { metric }) => metric.key === shown.metric);
  const total = preview.totals.find((/** @type {any} */ { metric }) => metric.key === shown.metric);
  if (!rows.length) return h("p.soft", {}, t("There is nobody to set targets for."));
  const [{ metric }] = rows;
  const byId = new Map(teams.map((team) => [team.id, team]));
  /** @param {string | null | undefined} id @returns {number} */
  const depthOfTeam = (id) => (id && byId.get(id) ? 1 + depthOfTeam(byId.get(id).parent?.id) : 0);
  const root = rows[0].owner;
  const base = root.__typename === "Team" ? depthOfTeam(root.id) : 0;
  const depth = (/** @type {any} */ { __typename, id, team }) => Math.max(0, (__typename === "Employee" ? depthOfTeam(team?.id) + 1 : depthOfTeam(id)) - base);
  const hasWeights = shown.weights === "GIVEN";

  const set = (/** @type {string} */ owner, /** @type {string} */ text) => {
    const value = readNumber(text);
    value === null ? plan.targets.delete(`${owner} ${shown.metric}`) : plan.targets.set(`${owner} ${shown.metric}`, value);
  };
  /** @param {ClipboardEvent} event @param {number} index of the row */
  const paste = (event, index) => {
    const cells = readTable(event.clipboardData?.getData("text") || "");
    if (cells.length < 2 && !cells[0]?.name) return;
    event.preventDefault();
    const missing = cells.filter(({ name, value }, offset) => {
      const row = name === null ? rows[index + offset] : rows.find((/** @type {any} */ { owner }) => owner.name.toLocaleLowerCase() === name.toLocaleLowerCase());
      if (row && value !== null) set(row.owner.id, value);
      return !row && value !== null;
    });
    if (missing.length) notify(t("Not found: {names}", { names: missing.map(({ name }) => name || "?").join(", ") }), { tone: "bad" });
    onChange();
  };
  return h("div.scroll", { class: stale ? "stale" : null }, h("table.plan-table", {},
    h("thead", {}, h("tr", {}, h("th", {}, t("Who")), hasWeights ? h("th.right", {}, t("Weight")) : null, h("th.right", {}, t("Last result")), h("th.right", {}, t("Base")), h("th.right", {}, t("Target")), h("th.right", {}, t("Change")), h("th.right", {}, t("Set now")), h("th.right", {}, t("Chance")), h("th.right", {}, t("Working time")))),
    h("tbody", {}, rows.map((/** @type {any} */ row, /** @type {number} */ index) => {
      const { owner, lastResult, target, difference, byHand, probability, workingTimeShare, existing } = row;
      const isPerson = owner.__typename === "Employee";
      const out = plan.leftOut.has(owner.id);
      const change = row.base === null || !Number(row.base) ? null : (100 * Number(difference)) / Number(row.base);
      return h("tr", { "data-key": owner.id, class: isPerson ? (out ? "out" : null) : "team" },
        h("td", {}, h("span.plan-owner", { style: { "--depth": depth(owner) } }, isPerson ? h("input", { type: "checkbox", checked: !out, "aria-label": t("{name} gets a target", { name: owner.name }), onchange: (/** @type {any} */ { target: box }) => { box.checked ? plan.leftOut.delete(owner.id) : plan.leftOut.add(owner.id); onChange(); } }) : null, h("span.line", {}, owner.name))),
        hasWeights ? h("td.right", {}, isPerson ? h("input.cell", { inputmode: "decimal", "data-column": "weight", "aria-label": t("Weight of {name}", { name: owner.name }), value: shown.givenWeights.get(owner.id) || "", onkeydown: moveByKey,
          onchange: (/** @type {any} */ { target: cell }) => { const value = readNumber(cell.value); value === null ? shown.givenWeights.delete(owner.id) : shown.givenWeights.set(owner.id, value); onChange(); } }) : null) : null,
        h("td.right.soft", {}, figure(lastResult, metric.unit)),
        h("td.right.soft", {}, figure(row.base, metric.unit)),
        h("td.right", {}, h("input.cell", {
          inputmode: "decimal", "data-column": "target", class: byHand ? "by-hand" : null, "aria-label": t("Target of {name}", { name: owner.name }),
          value: number(target, 2), onkeydown: moveByKey, onfocus: (/** @type {any} */ { target: cell }) => cell.select(), onpaste: (/** @type {any} */ event) => paste(event, index),
          onchange: (/** @type {any} */ { target: cell }) => { set(owner.id, cell.value); onChange(); },
        })),
        h("td.right", { class: change === null || Math.abs(change) < 0.05 ? "soft" : change > 0 ? "good" : "late" }, change === null ? "–" : `${change > 0 ? "+" : change < 0 ? "−" : ""}${percent(Math.abs(change), 1)}`),
        h("td.right.soft", {}, existing ? figure(existing.target, metric.unit) : "–"),
        h("td.right", {}, chance(probability)),
        h("td.right.soft", {}, workingTimeShare === null ? "" : percent(100 * workingTimeShare)));
    })),
    total ? h("tfoot", {}, h("tr", {}, h("td", {}, t("Sum of the people")), hasWeights ? h("td", {}) : null, h("td", {}), h("td", {}), h("td.right", {}, h("strong", {}, figure(total.allocated, metric.unit))), h("td", { colspan: 2 }), h("td.right", {}, chance(total.probability)), h("td", {}))) : null));
}

/** The rows as text that a spreadsheet takes. @param {any[]} rows */
export const tableText = (rows) =>
  [[t("Who"), t("Last result"), t("Base"), t("Target")], ...rows.map(({ owner, lastResult, base, target }) => [owner.name, lastResult, base ?? "", target])].map((cells) => cells.join("\t")).join("\n");
