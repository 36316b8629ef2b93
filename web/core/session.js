/** The session: the access token in memory, the refresh token in the browser's storage, renewed one tab at a time. */

import { gql } from "./gql.js";
import { language } from "./i18n.js";

const REFRESH = "scoreline.session";
const TRUST = "scoreline.trust";
const VIEWER_STORE = "scoreline.viewer"; // for a start without a network
const RENEW_SECONDS = 60; // before the token expires
const LONGEST_TIMEOUT = 2 ** 31 - 1; // of the browser, in milliseconds

/** @typedef {{id: string, name: string, team: {id: string, name: string} | null}} Person */
/** @typedef {{role: string, permissions: {action: string, reach: string}[], language: string | null, unreadAlerts: number, scope: {id: string, lastMonth?: {series: {total: string}[]} | null}, employee: Person}} Viewer */

// The plan asks at once whether there is a past to start from: a query for it would be one more before its first paint.
const VIEWER = "viewer { role permissions { action reach } language unreadAlerts scope { __typename id lastMonth: statistics(period: {kind: MONTH, offset: -1}, interval: MONTH, metrics: $metrics) @include(if: $isPlan) { series { total } } } employee { id name team { id name } } }";
const SIGN_IN = gql`mutation SignIn($input: SignInInput!, $isPlan: Boolean!, $metrics: [String!] = ["deals_won_amount"]) {
  signIn(input: $input) { accessToken refreshToken expiresAt trustToken ${VIEWER} userErrors { message } }
}`;
const REFRESH_SESSION = gql`mutation Refresh($token: String!, $isPlan: Boolean!, $metrics: [String!] = ["deals_won_amount"]) {
  refreshSession(refreshToken: $token) { accessToken refreshToken expiresAt ${VIEWER} userErrors { message } }
}`;
const SIGN_OUT = gql`mutation SignOut($token: String!) { signOut(refreshToken: $token) { userErrors { message } } }`;

/** The server cannot be reached, or says that it cannot answer now. */
export class Offline extends Error {}
/** The session is over: sign in again. */
export class SignedOut extends Error {}

/** @type {{token: string, expiresAt: number, viewer: Viewer | null, isDevice: boolean, clockSkew: number}} */
const state = { token: "", expiresAt: 0, viewer: null, isDevice: false, clockSkew: 0 };
const events = new EventTarget();

/** @returns {Viewer | null} */
const storedViewer = () => JSON.parse(localStorage.getItem(VIEWER_STORE) || "null");
const isPlan = () => location.pathname === "/plan";

/** @returns {Viewer} */
export const viewer = () => /** @type {Viewer} */ (state.viewer);
/** How far an action of the server's permission table reaches for the viewer. @param {string} action @param {Viewer | null} [viewer] */
const reachOf = (action, viewer = state.viewer) => viewer?.permissions?.find((permission) => permission.action === action)?.reach || "NONE";
/** Whether an action reaches others than the viewer. @param {string} action */
export const canForOthers = (action) => !["NONE", "SELF"].includes(reachOf(action));
/** The same of whom this browser has shown last, before the server has said who it is; null if it knows nobody. @param {string} action */
export const wasForOthers = (action) => {
  const last = storedViewer();
  return last && !["NONE", "SELF"].includes(reachOf(action, last));
};
/** Whether an action reaches the whole company. @param {string} action */
export const canForAll = (action) => reachOf(action) === "COMPANY";
export const isSignedIn = () => state.viewer !== null || (state.isDevice && state.token !== "");
export const hasSession = () => localStorage.getItem(REFRESH) !== null;
/** Milliseconds until the access token should be renewed. */
export const renewalDelay = () => Math.min(LONGEST_TIMEOUT, Math.max(1000, state.expiresAt - RENEW_SECONDS * 1000 - now()));
/** The server's time, in milliseconds: the clock of this computer may be wrong. */
export const now = () => Date.now() + state.clockSkew;

/** @param {() => void} listener called when the session has ended */
export const onSignedOut = (listener) => events.addEventListener("signedout", listener);

/**
 * @param {string} query
 * @param {Record<string, unknown>} variables
 * @returns {Promise<any>} the only field of the answer
 */
async function ask(query, variables) {
  let answer;
  try {
    answer = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", "accept-language": language() },
      body: JSON.stringify({ query, variables }),
    });
  } catch {
    throw new Offline();
  }
  const sent = answer.headers.get("date");
  if (sent && Math.abs(Date.parse(sent) - Date.now()) > 5000) state.clockSkew = Date.parse(sent) - Date.now();
  const body = await answer.json().catch(() => ({ errors: [{ message: answer.statusText, extensions: { code: "UNAVAILABLE" } }] }));
  if (body.errors) {
    const [{ message, extensions }] = body.errors;
    if (["UNAVAILABLE", "TIMEOUT", "INTERNAL"].includes(extensions?.code)) throw new Offline(message);
    throw new Error(message);
  }
  return Object.values(body.data)[0];
}

/** @param {any} payload */
function keep(payload) {
  localStorage.setItem(REFRESH, payload.refreshToken);
  state.token = payload.accessToken;
  state.expiresAt = Date.parse(payload.expiresAt);
  if (!payload.viewer?.employee) return;
  state.viewer = payload.viewer;
  localStorage.setItem(VIEWER_STORE, JSON.stringify(payload.viewer));
}

/**
 * Start a session; throws an error with a sentence for the user if the server refuses.
 * @param {string} email
 * @param {string} password
 */
export async function signIn(email, password) {
  const trustToken = localStorage.getItem(TRUST) || undefined;
  const payload = await ask(SIGN_IN, { input: { email, password, trustToken }, isPlan: isPlan() });
  if (payload.userErrors.length) throw new Error(payload.userErrors[0].message);
  if (payload.trustToken) localStorage.setItem(TRUST, payload.trustToken);
  keep(payload);
}

/**
 * Return a valid access token, renewing it if need be. All tabs share the refresh token, which works once: only one of
 * them renews at a time.
 * @param {{renew?: boolean}} [options] renew: also while the token is still valid
 * @returns {Promise<string>}
 */
export async function accessToken({ renew = false } = {}) {
  if (state.isDevice ? state.expiresAt > 0 : !renew && state.token && state.expiresAt - now() > 5000) return state.token;
  if (state.isDevice) throw ended();
  const known = state.token;
  return navigator.locks.request("scoreline.refresh", async () => {
    if (state.token !== known) return state.token; // another call of this page has renewed it meanwhile
    const token = localStorage.getItem(REFRESH);
    if (!token) throw ended();
    const payload = await ask(REFRESH_SESSION, { token, isPlan: isPlan() });
    if (payload.userErrors.length || !payload.accessToken) throw ended();
    keep(payload);
    return state.token;
  });
}

/** Go on as the one who was signed in last, while the server cannot be reached; it decides at the first request. */
export function restoreViewer() {
  state.viewer = storedViewer();
  return state.viewer !== null;
}

/** Forget the session and tell the page. */
function ended() {
  const was = isSignedIn();
  if (!state.isDevice) for (const name of [REFRESH, VIEWER_STORE]) localStorage.removeItem(name);
  state.token = "";
  state.viewer = null;
  if (was) events.dispatchEvent(new Event("signedout"));
  return new SignedOut();
}

/** Use the token of a device, which is good until it is revoked, and is not stored. @param {string} token */
export function useDevice(token) {
  Object.assign(state, { token, expiresAt: Infinity, isDevice: true });
}

/** The server does not accept the token any more: renew it at the next request. */
export function expireToken() {
  state.expiresAt = 0;
}

export async function signOut() {
  const token = localStorage.getItem(REFRESH);
  ended();
  if (token) await ask(SIGN_OUT, { token }).catch(() => undefined); // the session also ends by itself
}
