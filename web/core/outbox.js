/**
 * Changes that are sent once, also without a network: each waits in the browser's storage with its idempotency key until
 * the server has answered, and what the server said stays readable until it is dismissed.
 */

import { mutate, newKey, pause, Refused, RequestError } from "./client.js";
import { now, onSignedOut, SignedOut, viewer } from "./session.js";

const STORE = "scoreline.outbox";
const FINAL = new Set(["BAD_USER_INPUT", "FORBIDDEN", "NOT_FOUND", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COMPLEX"]);

/**
 * @typedef {object} Change
 * @property {string} key idempotency key
 * @property {string} owner id of the employee who made it
 * @property {string} label what it does, for the user
 * @property {string} document a mutation with the variable `input`, or with `id`, `at` and `key`
 * @property {Record<string, any>} variables
 * @property {"waiting" | "sent" | "refused"} state
 * @property {string} [message] what the server said
 * @property {string} at
 */

const events = new EventTarget();
let sending = false;

/** @param {(change: Change | null) => void} listener called with the change that was answered, or null */
export function onOutboxChange(listener) {
  /** @param {any} event */
  const handle = (event) => listener(event.detail);
  events.addEventListener("change", handle);
  return () => events.removeEventListener("change", handle);
}

/** @returns {Change[]} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE) || "[]");
  } catch {
    return []; // not written by this page
  }
}

/** @param {Change[]} changes @param {Change | null} [answered] */
function write(changes, answered = null) {
  localStorage.setItem(STORE, JSON.stringify(changes));
  events.dispatchEvent(new CustomEvent("change", { detail: answered }));
}

/** The changes of the signed-in employee, oldest first. */
export const changes = () => read().filter(({ owner }) => owner === viewer()?.employee.id);

/**
 * Keep a change and send it as soon as the server can be reached.
 * @param {string} label
 * @param {string} document
 * @param {(key: string, at: string) => Record<string, any>} variables
 */
export function post(label, document, variables) {
  const key = newKey();
  const at = new Date(now()).toISOString();
  write([...read(), { key, owner: viewer().employee.id, label, document, variables: variables(key, at), state: "waiting", at }]);
  return send();
}

/** Send what waits, in order, one tab at a time. */
export async function send() {
  if (sending || !viewer()) return;
  sending = true;
  try {
    await navigator.locks.request("scoreline.outbox", async () => {
      for (;;) {
        const change = changes().find(({ state }) => state === "waiting");
        if (!change || !(await sendOne(change))) return;
      }
    });
  } finally {
    sending = false;
  }
}

/** @param {Change} change @returns {Promise<boolean>} whether the server has answered */
async function sendOne(change) {
  try {
    await mutate(change.document, change.variables);
    settle(change, "sent");
  } catch (error) {
    if (error instanceof Refused || (error instanceof RequestError && FINAL.has(error.code))) settle(change, "refused", error.message);
    else {
      if (!(error instanceof SignedOut)) retryLater();
      return false;
    }
  }
  return true;
}

let failures = 0;
async function retryLater() {
  failures += 1;
  await pause(Math.min(60, 2 ** failures) * (0.5 + Math.random()));
  send();
}

/** @param {Change} change @param {"sent" | "refused"} state @param {string} [message] */
function settle(change, state, message) {
  failures = 0;
  const answered = { ...change, state, message };
  write(read().map((each) => (each.key === change.key ? answered : each)), answered);
}

/** Forget the changes that the server has answered. */
export function dismissAnswered() {
  write(read().filter(({ state, owner }) => state === "waiting" || owner !== viewer().employee.id));
}

addEventListener("online", send);
addEventListener("storage", ({ key }) => { if (key === STORE) events.dispatchEvent(new CustomEvent("change", { detail: null })); });
onSignedOut(() => events.dispatchEvent(new CustomEvent("change", { detail: null })));
