/** The targets of a plan as a table in which any of them can be set by hand. */

import { h } from "../core/dom.js";
import { chance, figure, number, percent, plainNumber } from "../core/format.js";
import { t } from "../core/i18n.js";
import { moveByKey, nameCell, readNumber, readTable } from "./cells.js";
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
  /** @param {any} row */
  const ownerCell = ({ owner }) => h("span.plan-owner", { style: { "--depth": depth(owner) } },
    owner.__typename === "Employee" ? h("input", { type: "checkbox", checked: !plan.leftOut.has(owner.id), "aria-label": t("{name} gets a target", { name: owner.name }), onchange: (/** @type {any} */ { target: box }) => { box.checked ? plan.leftOut.delete(owner.id) : plan.leftOut.add(owner.id); onChange(); } }) : null,
    h("span.line", { title: owner.name }, owner.name));
  /** @param {any} row */
  const weightCell = ({ owner }) => owner.__typename === "Employee" ? h("input.cell", { inputmode: "decimal", "data-column": "weight", "aria-label": t("Weight of {name}", { name: owner.name }), value: shown.givenWeights.get(owner.id) || "", onkeydown: moveByKey,
    onchange: (/** @type {any} */ { target: cell }) => { const value = readNumber(cell.value); value === null ? shown.givenWeights.delete(owner.id) : shown.givenWeights.set(owner.id, value); onChange(); } }) : null;
  /** @param {any} row @param {number} index */
  const targetCell = ({ owner, byHand, target }, index) => h("input.cell", {
    inputmode: "decimal", "data-column": "target", class: byHand ? "by-hand" : null, "aria-label": t("Target of {name}", { name: owner.name }),
    value: number(target, 2), onkeydown: moveByKey, onfocus: (/** @type {any} */ { target: cell }) => cell.select(), onpaste: (/** @type {any} */ event) => paste(event, index),
    onchange: (/** @type {any} */ { target: cell }) => { set(owner.id, cell.value); onChange(); },
  });
  /** @param {any} row */
  const differenceCell = ({ base, difference }) => {
    const change = base === null || !Number(base) ? null : (100 * Number(difference)) / Number(base);
    return h("span", { class: change === null || Math.abs(change) < 0.05 ? "soft" : change > 0 ? "good" : "late" }, change === null ? "–" : `${Math.abs(change) < 0.05 ? "" : change > 0 ? "+" : "−"}${percent(Math.abs(change), 1)}`);
  };
  /**
   * Heading, class, content of a row, and what stands below.
   * @type {[string, string, (row: any, index: number) => any, any][]}
   */
  const columns = [[t("Who"), "", ownerCell, t("Sum of the people")]];
  if (shown.weights === "GIVEN") columns.push([t("Weight"), "right entry", weightCell, null]);
  if (rows.some((/** @type {any} */ { base: start, lastResult }) => start !== lastResult)) columns.push([t("Last result"), "right soft wide", ({ lastResult }) => figure(lastResult, metric.unit), null]);
  columns.push([t("Base"), "right soft wide", ({ base: start }) => figure(start, metric.unit), null]);
  columns.push([t("Target"), "right entry", targetCell, h("strong", {}, figure(total?.allocated, metric.unit))]);
  columns.push([t("Difference"), "right wide", differenceCell, null]);
  if (rows.some((/** @type {any} */ { existing }) => existing)) columns.push([t("Set now"), "right soft wide", ({ existing }) => (existing ? figure(existing.target, metric.unit) : "–"), null]);
  if (rows.some((/** @type {any} */ { probability }) => probability !== null)) columns.push([t("Chance"), "right", ({ probability }) => chance(probability), chance(total?.probability)]);
  if (rows.some((/** @type {any} */ { workingTimeShare: share }) => share !== null && share !== 1)) columns.push([t("Working time"), "right soft wide", ({ workingTimeShare: share }) => (share === null ? "" : percent(100 * share)), null]);
  return h("div.scroll", { class: stale ? "stale" : null }, h("table.plan-table", {},
    h("thead", {}, h("tr", {}, columns.map(([title, kind]) => h("th", { class: kind || null }, title)))),
    h("tbody", {}, rows.map((/** @type {any} */ row, /** @type {number} */ index) => h("tr", { "data-key": row.owner.id, class: row.owner.__typename !== "Employee" ? "team" : plan.leftOut.has(row.owner.id) ? "out" : null },
      columns.map(([, kind, content]) => h("td", { class: kind || null }, content(row, index)))))),
    total ? h("tfoot", {}, h("tr", {}, columns.map(([, kind, , below]) => h("td", { class: kind || null }, below)))) : null));
}

/** The rows as text that a spreadsheet in the language of the page takes. @param {any[]} rows */
export const tableText = (rows) =>
  [[t("Who"), t("Last result"), t("Base"), t("Target")], ...rows.map(({ owner, lastResult, base, target }) => [nameCell(owner.name), ...[lastResult, base, target].map(plainNumber)])].map((cells) => cells.join("\t")).join("\n");
