/** Controls that several screens share. */

import { go, parameter, withParameters } from "../core/address.js";
import { h } from "../core/dom.js";
import { initials } from "../core/format.js";
import { t } from "../core/i18n.js";
import { KINDS, kindName, periodAddress } from "../core/period.js";
import { icon } from "./icons.js";

/** @param {string} label @param {() => void} onclick @param {Record<string, any>} [more] */
export const button = (label, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, label);

/** @param {string} name @param {string} label @param {() => void} onclick @param {Record<string, any>} [more] */
export const iconButton = (name, label, onclick, more = {}) => h("button.icon", { type: "button", "aria-label": label, title: label, onclick, ...more }, icon(name));

/** A link to another screen of the page. @param {string} to @param {any[]} children */
export const link = (to, ...children) => h("a", { href: to, "data-go": "" }, ...children);

/** @param {{id: string, name: string}} person @param {boolean} [online] */
export function avatar({ id, name }, online = false) {
  const hue = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  return h("span.avatar", { style: { "--hue": hue }, class: online ? "online" : null, "aria-hidden": "true" }, initials(name));
}

/** @param {{kind: string, offset: number}} chosen @param {string} label */
export function periodPicker({ kind, offset }, label) {
  return h("div.period", { role: "group", "aria-label": t("Period") },
    h("div.segments", {}, KINDS.map((each) => h("button", { type: "button", "aria-pressed": String(each === kind), onclick: () => go(periodAddress(each, 0)) }, kindName(each)))),
    h("div.stepper", {},
      iconButton("left", t("Previous period"), () => go(periodAddress(kind, offset - 1))),
      h("span", { "aria-live": "polite" }, label),
      iconButton("right", t("Next period"), () => go(periodAddress(kind, offset + 1)))));
}

/**
 * A choice of scope: the company, which is the first group, and the others, teams indented.
 * @param {{groups: any[], withCompany: boolean, selected: string}} options
 */
export function scopePicker({ groups, withCompany, selected }) {
  const [company, ...others] = groups;
  /** @param {any} group @returns {number} */
  const depth = (group) => (group.parent ? 1 + depth(groups.find(({ id }) => id === group.parent.id) || {}) : 0);
  const options = others.map((group) => h("option", { value: group.id, selected: group.id === selected }, "   ".repeat(depth(group) + (withCompany ? 1 : 0)) + group.name));
  return h("label.field.inline", {}, h("span.hidden", {}, t("Scope")),
    h("select", { onchange: (/** @type {any} */ { target }) => go(withParameters({ scope: target.value })) },
      withCompany ? h("option", { value: company.id, selected: company.id === selected }, company.name) : null, options));
}

/** @param {any[]} metrics @param {string} selected */
export function metricPicker(metrics, selected) {
  return h("label.field.inline", {}, h("span.hidden", {}, t("Metric")),
    h("select", { onchange: (/** @type {any} */ { target }) => go(withParameters({ metric: target.value })) },
      metrics.map(({ key, name }) => h("option", { value: key, selected: key === selected }, name))));
}

export const chosenMetric = () => parameter("metric") || "deals_won_amount";

/** @param {string} pace */
export const paceName = (pace) =>
  ({ NOT_STARTED: t("not started"), BEHIND: t("behind"), ON_TRACK: t("on track"), AHEAD: t("ahead"), ACHIEVED: t("reached"), MISSED: t("missed") })[pace] || pace;

/** @param {string} pace */
export const paceChip = (pace) => h("span.chip", { "data-pace": pace }, paceName(pace));

/**
 * A panel with a heading.
 * @param {string} title @param {any} aside @param {any[]} children
 */
export const panel = (title, aside, ...children) => h("section.panel", { "data-key": `panel ${title}` }, h("header", {}, h("h2", {}, title), aside), ...children);

/** @param {string} text @param {any} [action] */
export const empty = (text, action) => h("div.empty", {}, text ? h("p", {}, text) : null, action);

/** Leads out of a screen that shows nothing. @param {string} [to] */
export const toStart = (to = "/") => h("div.actions", {}, h("a.button", { href: to, "data-go": "" }, to === "/" ? t("To the start") : t("Open without it")));

/** Stands for a screen whose address leads nowhere. @param {string} [text] @param {string} [to] where to go on */
export const notFound = (text = t("The address is mistyped, or what it has led to is no longer there."), to = "/") => empty("", [h("h2", {}, t("This page does not exist")), h("p", {}, text), toStart(to)]);

/** A goal's name: a default one (metric and period) is in the language of its author, so it is written anew. @param {any} goal */
export function goalTitle({ name, metric, period }) {
  const year = period.label.match(/\d{4}/)?.[0] || "?";
  return name.includes(",") && (name.split(",").pop() || "").includes(year) ? metric.name : name;
}
