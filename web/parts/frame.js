/** The frame around the screens: links by role, the state of the connection, waiting changes, and the user's menu. */

import { onAddressChange, path } from "../core/address.js";
import { mutate } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { chooseLanguage, language, languageName, languages, plural, t } from "../core/i18n.js";
import { changes, dismissAnswered, onOutboxChange } from "../core/outbox.js";
import { canForAll, canForOthers, isSignedIn, signOut, viewer } from "../core/session.js";
import { isLive, onLiveChange, subscribe } from "../core/socket.js";
import { avatar } from "./controls.js";
import { notify, openDialog } from "./dialog.js";
import { icon } from "./icons.js";
import { chooseTheme, theme } from "./theme.js";

const SET_LANGUAGE = gql`mutation Language($input: UpdateProfileInput!) { updateProfile(input: $input) { userErrors { message } } }`;

// Each screen is live by this: it counts the inbox, and shows the employee as online.
const NEW_ALERTS = gql`subscription NewAlerts($after: String) { alerts(after: $after) { id cursor } }`;

/** @type {HTMLElement | null} */
let main = null;
/** @type {HTMLElement | null} */
let rail = null;
let unread = 0;

/** @param {number} count of unread alerts */
export function setUnread(count) {
  unread = count;
  showRail();
}
export const unreadCount = () => unread;

/** Show the frame and return the element for the screen. @param {HTMLElement} app @returns {HTMLElement} */
export function showFrame(app) {
  if (main?.isConnected && rail) {
    const fresh = h("main", { tabindex: "-1" });
    main.replaceWith(fresh);
    main = fresh;
  } else {
    unread = viewer().unreadAlerts;
    /** @type {string | null} */
    let lastCursor = null;
    subscribe(NEW_ALERTS, () => ({ after: lastCursor }), ({ alerts: { cursor } }) => {
      lastCursor = cursor;
      setUnread(unread + 1);
    }, (code) => { if (code === "CURSOR_UNKNOWN") lastCursor = null; });
    rail = h("aside.rail");
    main = h("main", { tabindex: "-1" });
    app.replaceChildren(h("div.frame", {}, rail, main));
  }
  showRail();
  return /** @type {HTMLElement} */ (main);
}

/** @returns {[string, string, string, boolean][]} path, icon, text, whether only wide screens have it */
function links() {
  const { employee } = viewer();
  const leads = canForOthers("VIEW_CARD");
  /** @type {[string, string, string, boolean][]} */
  const all = [];
  if (leads) all.push(["/", "dashboard", t("Dashboard"), false]);
  all.push([`/people/${employee.id}`, "person", t("My card"), false], ["/ranking", "trophy", t("Ranking"), false], ["/people", "people", t("People"), false]);
  if (canForOthers("SET_GOALS")) all.push(["/plan", "plan", t("Plan"), true]);
  all.push(["/alerts", "bell", t("Alerts"), false]);
  if (canForAll("ADMINISTER")) all.push(["/setup", "check", t("First day"), true], ["/admin", "gear", t("Administration"), true]);
  return all;
}

function showRail() {
  if (!rail || !isSignedIn()) return;
  const { employee, role } = viewer();
  const waiting = changes().filter(({ state }) => state === "waiting").length;
  const answered = changes().length - waiting;
  render(rail,
    h("a.brand", { href: "/", "data-go": "" }, h("img", { src: new URL("../icon.svg", import.meta.url).href, alt: "" }), "Scoreline"),
    h("nav", { "aria-label": t("Screens") }, links().map(([to, name, text, wide]) =>
      h(wide ? "a.wide" : "a", { href: to, "data-go": "", "aria-current": path() === to || (to === "/admin" && path().startsWith("/admin")) ? "page" : null },
        icon(name), text, to === "/alerts" && unread ? h("span.count", { "aria-label": plural("{count} unread alert", "{count} unread alerts", unread) }, unread > 99 ? "99+" : unread) : null))),
    h("div.foot", {},
      waiting || answered ? h("button.state", { type: "button", class: waiting ? "away" : null, onclick: openOutbox },
        waiting ? plural("{count} change waits", "{count} changes wait", waiting) : plural("{count} change sent", "{count} changes answered", answered)) : null,
      h("span.state", { class: isLive() ? null : "away", role: "status" }, isLive() ? t("live") : t("not live")),
      h("button.me", { type: "button", "aria-label": t("Settings of {name}", { name: employee.name }), onclick: openMenu }, avatar(employee),
        h("span", {}, h("span.line", {}, employee.name), h("small.line", {}, roleName(role))))));
}

/** The names of all roles. @returns {Record<string, string>} */
export const roleNames = () => ({ EMPLOYEE: t("Seller"), MANAGER: t("Manager"), DIRECTOR: t("Director"), ADMIN: t("Administrator") });

/** @param {string} role */
export const roleName = (role) => roleNames()[role] || role;

function openMenu() {
  openDialog(viewer().employee.name, (close) => h("div.form", {},
    h("label.field", {}, t("Language"), h("select", { onchange: (/** @type {any} */ { target }) => setLanguage(target.value) },
      languages().map((code) => h("option", { value: code, selected: language() === code, lang: code }, languageName(code))))),
    h("label.field", {}, t("Appearance"), h("select", { onchange: (/** @type {any} */ { target }) => chooseTheme(target.value) },
      [["auto", t("As the system")], ["light", t("Light")], ["dark", t("Dark")]].map(([name, text]) => h("option", { value: name, selected: theme() === name }, text)))),
    h("nav.form.more-screens", { "aria-label": t("More screens") }, links().filter(([, , , wide]) => wide).map(([to, name, text]) => h("a.button.plain", { href: to, "data-go": "", onclick: close }, icon(name), text))),
    h("div.actions", {},
      h("button", { type: "button", onclick: () => { close(); signOut(); } }, icon("out"), t("Sign out")))));
}

/** @param {string} code */
async function setLanguage(code) {
  await mutate(SET_LANGUAGE, { input: { language: code } }).catch(() => undefined); // the page changes its own in any case
  chooseLanguage(code);
}

function openOutbox() {
  openDialog(t("Changes of this device"), (close) => [
    h("ul.list", {}, changes().map((change) => h("li", {},
      h("span.grow", {}, h("span.line", {}, change.label), change.message ? h("small.bad", {}, change.message) : null),
      h("span.chip", { class: { waiting: "warn", sent: "fine", refused: "danger" }[change.state] }, { waiting: t("waits"), sent: t("sent"), refused: t("refused") }[change.state])))),
    changes().some(({ state }) => state !== "waiting") ? h("div.actions", {}, h("button", { type: "button", onclick: () => { dismissAnswered(); close(); } }, t("Clear the answered ones"))) : h("p.soft", {}, t("They are sent by themselves when the network is back.")),
  ]);
}

onAddressChange(showRail);
onLiveChange(showRail);
onOutboxChange((change) => {
  if (isSignedIn()) showRail();
  if (change?.state === "sent") notify(t("Saved: {label}", { label: change.label }), { tone: "good" });
  if (change?.state === "refused") notify(t("Refused: {label}. {message}", { label: change.label, message: change.message || "" }), { tone: "bad" });
});
