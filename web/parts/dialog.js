/** Dialogs and short notices. */

import { h, render } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { iconButton } from "./controls.js";

/**
 * Open a dialog; it closes with Escape, its button, or a click beside it.
 * @param {string} title
 * @param {(close: () => void, update: (...children: any[]) => void) => any} content returns what to show first
 * @param {{side?: boolean}} [options] side: at the edge of the window rather than in its middle
 */
export function openDialog(title, content, { side = false } = {}) {
  const body = h("div.dialog-body");
  const close = () => dialog.close();
  const dialog = h(side ? "dialog.side" : "dialog", {
    "aria-label": title,
    onclick: (/** @type {MouseEvent} */ event) => { if (event.target === dialog) close(); },
    onclose: () => dialog.remove(),
  }, h("header", {}, h("h2", {}, title), iconButton("close", t("Close"), close)), body);
  document.body.append(dialog);
  render(body, content(close, (...children) => render(body, ...children)));
  dialog.showModal();
  return close;
}

/**
 * A handler that does something at the server, and says it where that fails.
 * @template {any[]} A
 * @param {(...values: A) => Promise<any>} work
 * @returns {(...values: A) => Promise<void>}
 */
export const attempt = (work) => async (...values) => {
  try {
    await work(...values);
  } catch (error) {
    notify(error instanceof Error && error.message ? error.message : t("The server cannot be reached."), { tone: "bad" });
  }
};

/** @type {HTMLElement | null} */
let notices = null;

/**
 * Say something for some seconds, politely.
 * @param {string} text
 * @param {{tone?: "good" | "bad", action?: {label: string, run: () => void}}} [options]
 */
export function notify(text, { tone, action } = {}) {
  if (!notices) document.body.append((notices = h("div.notices", { role: "status", "aria-live": "polite" })));
  const notice = h("div.notice", { "data-tone": tone }, h("span", {}, text),
    action ? h("button", { type: "button", onclick: () => { notice.remove(); action.run(); } }, action.label) : null);
  notices?.append(notice);
  setTimeout(() => notice.remove(), action ? 9000 : 5000);
}
