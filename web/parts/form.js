/** Forms from a list of fields, with the server's refusals beside the fields that they are about. */

import { Refused } from "../core/client.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { readNumber } from "./cells.js";
import { openDialog } from "./dialog.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text" | "email" | "password" | "number" | "date" | "time" | "select" | "checkbox" | "checks" | "textarea"} [type]
 * @property {any[]} [control] in place of that of the type; an input of the name in it has the value
 * @property {any} [value]
 * @property {[string, string][]} [options] of a choice: value and text
 * @property {boolean} [required]
 * @property {string} [hint]
 * @property {number} [rows]
 */

/**
 * @param {Field[]} fields
 * @param {{label: string, submit: (values: Record<string, any>) => Promise<any>, more?: any}} options
 */
export function form(fields, { label, submit, more = null }) {
  const problem = h("p.problem", { role: "alert" });
  const button = h("button.primary", { type: "submit" }, label);
  /** @type {Map<string, HTMLElement>} */
  const notes = new Map();
  const rows = fields.map((field) => {
    const note = h("small.problem");
    notes.set(field.name, note);
    return row(field, note);
  });
  /** @param {SubmitEvent} event */
  async function onsubmit(event) {
    event.preventDefault();
    const values = read(fields, /** @type {HTMLFormElement} */ (event.target));
    for (const note of notes.values()) note.textContent = "";
    problem.textContent = "";
    button.disabled = true;
    try {
      await submit(values);
    } catch (error) {
      if (!(error instanceof Refused)) problem.textContent = error instanceof Error && error.message ? error.message : t("The server cannot be reached.");
      else for (const { path, message } of error.userErrors) (path.map((part) => notes.get(part)).find(Boolean) || problem).textContent += `${message} `;
    }
    button.disabled = false;
  }
  return h("form.form", { onsubmit }, rows, problem, h("div.actions", {}, button, more));
}

/** @param {Field} field @param {HTMLElement} note */
function row({ name, label, type = "text", value, options = [], required = false, hint, rows = 4, control: own }, note) {
  const help = hint ? h("small", {}, hint) : null;
  if (type === "checkbox") return h("label.check", {}, h("input", { type, name, checked: Boolean(value) }), h("span", {}, label, help), note);
  if (type === "checks") return h("fieldset.checks", {}, h("legend.soft", {}, label), options.map(([each, text]) => h("label.check", {}, h("input", { type: "checkbox", name, value: each, checked: (value || []).includes(each) }), text)), note);
  const control = own || (type === "select" ? h("select", { name, required }, options.map(([each, text]) => h("option", { value: each, selected: String(value ?? "") === each }, text)))
    : type === "textarea" ? h("textarea", { name, rows, required, value: value ?? "", spellcheck: "false" })
      : h("input", { type: type === "number" ? "text" : type, inputmode: type === "number" ? "decimal" : null, name, required, value: value ?? "", autocomplete: "off" }));
  return h("label.field", {}, label, control, help, note);
}

/** @param {Field[]} fields @param {HTMLFormElement} element */
function read(fields, element) {
  const data = new FormData(element);
  return Object.fromEntries(fields.map(({ name, type = "text" }) => {
    if (type === "checkbox") return [name, data.get(name) !== null];
    if (type === "checks") return [name, data.getAll(name)];
    const text = String(data.get(name) ?? "").trim();
    return [name, type === "number" ? readNumber(text) ?? text : text]; // the server says what is wrong with other texts
  }));
}

/**
 * Open a form as a dialog, which closes when the server has taken it.
 * @param {string} title
 * @param {Field[]} fields
 * @param {(values: Record<string, any>) => Promise<any>} submit
 * @param {{label?: string, more?: (close: () => void) => any}} [options]
 */
export function openForm(title, fields, submit, { label = t("Save"), more } = {}) {
  openDialog(title, (close) => form(fields, { label, submit: async (values) => { await submit(values); close(); }, more: more?.(close) }));
}

/** Null for an empty text. @param {string} text */
export const orNull = (text) => text || null;
