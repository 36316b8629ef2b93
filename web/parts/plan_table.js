/** The targets of a plan as a table in which any of them can be set by hand. */

import { h } from "../core/dom.js";
import { chance, figure, number, percent, plainNumber } from "../core/format.js";
import { plural, t } from "../core/i18n.js";
import { moveByKey, nameCell, readNumber, readTable } from "./cells.js";
import { notify } from "./dialog.js";

const MANY = 200; // rows, from which on the people of a team are shown when it is opened
const PAGE = 100; // people of a team that are shown at once

/**
 * The rows to show of a large plan: all teams, of the opened ones a page of people, those set by hand, and those searched for.
 * `hidden` stands after a page, for the rest of the team.
 * @param {any[]} rows @param {any} plan @returns {({row: any, index: number} | {hidden: number, team: string})[]}
 */
function visibleRows(rows, plan) {
  if (rows.length <= MANY) return rows.map((row, index) => ({ row, index }));
  const search = plan.search.trim().toLocaleLowerCase();
  /** @type {any[]} */
  const visible = [];
  const counts = new Map();
  /** @type {{hidden: number, team: string} | null} */
  let rest = null;
  rows.forEach((row, index) => {
    const { owner, byHand } = row;
    if (search) {
      if (visible.length < PAGE && owner.name.toLocaleLowerCase().includes(search)) visible.push({ row, index });
      return;
    }
    const team = owner.__typename === "Employee" ? owner.team?.id || "" : null;
    if (team === null || rest?.team !== team) rest = null;
    const count = counts.get(team) || 0;
    if (team === null || byHand || count < (plan.opened.get(team) || 0)) visible.push({ row, index });
    else if (rest) rest.hidden += 1;
    else if (plan.opened.has(team) || team === "") visible.push(rest = { hidden: 1, team });
    counts.set(team, count + 1);
  });
  return visible;
}

/**
 * @param {any} preview
 * `count`: how many rows to show at most, as many take the browser long.
 * @param {{plan: any, shown: any, teams: any[], onChange: () => void, redraw: () => void, count: number, chances: Map<string, number | null> | null, readMore: (metric: string) => void, stale: boolean}} options
 */
export function planTable(preview, { plan, shown, teams, onChange, redraw, count, chances, readMore, stale }) {
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
      const row = name === null ? shownRows[shownRows.indexOf(rows[index]) + offset] : rows.find((/** @type {any} */ { owner }) => owner.name.toLocaleLowerCase() === name.toLocaleLowerCase());
      if (row && value !== null) set(row.owner.id, value);
      return !row && value !== null;
    });
    if (missing.length) notify(t("Not found: {names}", { names: missing.map(({ name }) => name || "?").join(", ") }), { tone: "bad" });
    onChange();
  };
  const withPeople = rows.length > MANY ? new Set(rows.map((/** @type {any} */ { owner }) => owner.team?.id)) : new Set();
  /** @param {string} team */
  const toggle = (team) => { plan.opened.has(team) ? plan.opened.delete(team) : plan.opened.set(team, PAGE); redraw(); };
  /** @param {any} row */
  const ownerCell = ({ owner }) => h("span.plan-owner", { style: { "--depth": depth(owner) } },
    withPeople.has(owner.id) ? h("button.icon.fold", { type: "button", "aria-expanded": String(plan.opened.has(owner.id)), "aria-label": t("People of {name}", { name: owner.name }), onclick: () => toggle(owner.id) }, plan.opened.has(owner.id) ? "▾" : "▸") : null,
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
  const chanceOf = (/** @type {string} */ key) => (chances ? chance(chances.get(key)) : "…");
  if (!chances || [...chances.values()].some((probability) => probability !== null)) columns.push([t("Chance"), "right", ({ owner }) => chanceOf(`${owner.id} ${shown.metric}`), chanceOf(shown.metric)]);
  if (rows.some((/** @type {any} */ { workingTimeShare: share }) => share !== null && share !== 1)) columns.push([t("Working time"), "right soft wide", ({ workingTimeShare: share }) => (share === null ? "" : percent(100 * share)), null]);
  const visible = visibleRows(rows, plan).slice(0, count);
  const shownRows = visible.flatMap((each) => ("hidden" in each ? [] : [each.row]));
  const rowOf = (/** @type {any} */ row, /** @type {number} */ index) => h("tr", { "data-key": row.owner.id, class: row.owner.__typename !== "Employee" ? "team" : plan.leftOut.has(row.owner.id) ? "out" : null },
    columns.map(([, kind, content]) => h("td", { class: kind || null }, content(row, index))));
  const more = (/** @type {{hidden: number, team: string}} */ { hidden, team }) => h("tr", { "data-key": `more ${team}` }, h("td", { colspan: columns.length },
    h("button.link", { type: "button", onclick: () => { plan.opened.set(team, (plan.opened.get(team) || 0) + PAGE); redraw(); } }, plural("Show {count} more person", "Show {count} more people", Math.min(PAGE, hidden)), ` (${number(hidden)})`)));
  return h("div.scroll", { class: stale ? "stale" : null },
    rows.length > MANY ? h("label.search", {}, h("span.hidden", {}, t("Search by name")), h("input", { type: "search", placeholder: t("Search by name"), value: plan.search, oninput: (/** @type {any} */ { target }) => { plan.search = target.value; redraw(); } })) : null,
    h("table.plan-table", {},
    h("thead", {}, h("tr", {}, columns.map(([title, kind]) => h("th", { class: kind || null }, title)))),
    h("tbody", {}, visible.map((each) => "hidden" in each ? more(each) : rowOf(each.row, each.index))),
    rows.length * plan.metrics.length < preview.targetCount && rows.length >= MANY ? h("tbody", {}, h("tr", {}, h("td", { colspan: columns.length },
      h("button.link", { type: "button", onclick: () => readMore(shown.metric) }, t("Show more")), " ", h("small", {}, t("{shown} of {total}", { shown: number(rows.length), total: number(preview.targetCount / plan.metrics.length) }))))) : null,
    total ? h("tfoot", {}, h("tr", {}, columns.map(([, kind, , below]) => h("td", { class: kind || null }, below)))) : null));
}

/** The rows as text that a spreadsheet in the language of the page takes. @param {any[]} rows */
export const tableText = (rows) =>
  [[t("Who"), t("Last result"), t("Base"), t("Target")], ...rows.map(({ owner, lastResult, base, target }) => [nameCell(owner.name), ...[lastResult, base, target].map(plainNumber)])].map((cells) => cells.join("\t")).join("\n");
