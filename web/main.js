/** Starts the page: texts, session, the frame, and the screen that the address names. */

import { go, onAddressChange, path } from "./core/address.js";
import { RequestError } from "./core/client.js";
import { h, render } from "./core/dom.js";
import { startHeartbeat } from "./core/heartbeat.js";
import { chooseLanguage, isLanguageChosen, language, loadTexts, t } from "./core/i18n.js";
import { prepareOffline } from "./core/offline.js";
import { send } from "./core/outbox.js";
import { accessToken, canForOthers, hasSession, isSignedIn, Offline, onSignedOut, restoreViewer, viewer, wasForOthers } from "./core/session.js";
import { disconnect } from "./core/socket.js";
import { notFound } from "./parts/controls.js";
import { showFrame } from "./parts/frame.js";
import { applyTheme } from "./parts/theme.js";

/**
 * A screen fills an element and returns what ends it.
 * @typedef {(element: HTMLElement, parameters: string[]) => Promise<(() => void) | void> | (() => void) | void} Screen
 */

/**
 * The screens by their paths, some with styles of their own.
 * @type {[RegExp, () => Promise<{show: Screen}>, string?][]}
 */
const SCREENS = [
  [/^\/ranking$/, () => import("./screens/ranking.js")],
  [/^\/people$/, () => import("./screens/people.js")],
  [/^\/people\/([^/]+)$/, () => import("./screens/card.js"), "card"],
  [/^\/plan$/, () => import("./screens/plan.js"), "plan"],
  [/^\/alerts$/, () => import("./screens/alerts.js")],
  [/^\/setup$/, () => import("./screens/setup.js"), "plan"],
  [/^\/admin(?:\/(\w+))?$/, () => import("./screens/admin.js"), "plan"],
  [/^\/$/, () => import("./screens/dashboard.js")],
];

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {() => void} */
let endScreen = () => undefined;
let shown = 0;

async function showScreen() {
  const number = (shown += 1);
  endScreen();
  endScreen = () => undefined;
  if (!isSignedIn()) {
    const { showSignIn } = await import("./screens/sign_in.js");
    showSignIn(app, () => { send(); showScreen(); });
    return;
  }
  const profileLanguage = viewer().language;
  if (profileLanguage && profileLanguage !== language() && !isLanguageChosen()) return chooseLanguage(profileLanguage);
  if (path() === "/" && !canForOthers("VIEW_CARD")) return go(`/people/${viewer().employee.id}`, { replace: true });
  const main = showFrame(app);
  const screen = SCREENS.find(([each]) => each.test(path()));
  if (!screen) return showNotFound(main);
  const [pattern, load, style] = screen;
  render(main, h("p.loading", {}, t("Loading …")));
  try {
    const [{ show }] = await Promise.all([load(), style ? loadStyle(style) : null]);
    if (number !== shown) return;
    const end = await show(main, (path().match(pattern) || []).slice(1));
    if (number === shown) endScreen = end || (() => undefined);
    else end?.();
  } catch (error) {
    if (number === shown) showProblem(main, error);
  }
}

/** @param {string} name of a file in `styles/screens/` @returns {Promise<void>} */
function loadStyle(name) {
  const href = new URL(`./styles/screens/${name}.css`, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    link.onload = () => resolve();
    link.onerror = () => { link.remove(); reject(new Offline()); };
    document.head.append(link);
  });
}

/** @param {HTMLElement} main */
function showNotFound(main) {
  document.title = `${t("This page does not exist")} · Scoreline`;
  render(main, notFound());
}

/** @param {HTMLElement} element @param {unknown} error */
function showProblem(element, error) {
  if (error instanceof RequestError && ["BAD_USER_INPUT", "NOT_FOUND"].includes(error.code) && location.search) return render(element, notFound(t("The address names a scope, a metric or a period that does not exist here."), path()));
  const text = error instanceof Offline || error instanceof TypeError ? t("The server cannot be reached.") : error instanceof Error ? error.message : String(error);
  render(element, h("div.empty", { role: "alert" }, h("p", {}, text), h("div.actions", {}, h("button", { type: "button", onclick: showScreen }, t("Try again")), element === app || path() + location.search === "/" ? null : h("a.link", { href: "/", "data-go": "" }, t("To the start")))));
}

/** Load the code of the first screen while the session is renewed. */
function prefetchScreen() {
  const first = path() === "/" && wasForOthers("VIEW_CARD") === false ? "/people/own" : path();
  const [, load, style] = SCREENS.find(([pattern]) => pattern.test(first)) || [];
  load?.().catch(() => undefined); // the screen itself says what is missing
  if (style) loadStyle(style).catch(() => undefined);
}

async function start() {
  applyTheme();
  const texts = loadTexts();
  if (hasSession()) {
    prefetchScreen();
    try {
      await accessToken();
    } catch (error) {
      if (error instanceof Offline && !restoreViewer()) {
        await texts;
        showProblem(app, error);
        addEventListener("online", () => location.reload(), { once: true });
        return;
      }
    }
  }
  await texts;
  onAddressChange(() => { scrollTo(0, 0); showScreen(); });
  onSignedOut(() => { disconnect(); showScreen(); });
  startHeartbeat();
  send();
  showScreen();
  prepareOffline();
}

start();
