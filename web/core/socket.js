/** Subscriptions over one WebSocket (graphql-transport-ws): connected while anything is subscribed to, and again when lost. */

import { backOff } from "./client.js";
import { language } from "./i18n.js";
import { accessToken, expireToken, isSignedIn, renewalDelay, SignedOut } from "./session.js";

const PING_SECONDS = 10;
const SILENCE_SECONDS = 30; // after which the server is taken to be gone

/**
 * @typedef {object} Subscription
 * @property {string} document
 * @property {() => Record<string, unknown>} variables read anew for each connection: a cursor moves on
 * @property {(data: any) => void} onData
 * @property {(code: string) => void} [onError]
 */

/** @type {Map<string, Subscription>} */
const subscriptions = new Map();
const events = new EventTarget();
/** @type {WebSocket | null} */
let socket = null;
let isReady = false;
let failures = 0;
let lastMessageAt = 0;
let lastId = 0;
let connecting = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let renewal;

export const isLive = () => isReady;
/** @param {() => void} listener called when the connection is made or lost @returns {() => void} what ends that */
export function onLiveChange(listener) {
  events.addEventListener("change", listener);
  return () => events.removeEventListener("change", listener);
}

/**
 * Subscribe until the returned function is called.
 * @param {string} document
 * @param {Record<string, unknown> | (() => Record<string, unknown>)} variables
 * @param {(data: any) => void} onData
 * @param {(code: string) => void} [onError]
 * @returns {() => void}
 */
export function subscribe(document, variables, onData, onError) {
  const id = String((lastId += 1));
  subscriptions.set(id, { document, variables: typeof variables === "function" ? variables : () => variables, onData, onError });
  if (isReady) start(id);
  else connect();
  return () => {
    if (subscriptions.delete(id) && isReady) send({ id, type: "complete" });
  };
}

/** @param {Record<string, unknown>} message */
function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

/** @param {string} id */
function start(id) {
  const subscription = subscriptions.get(id);
  if (subscription) send({ id, type: "subscribe", payload: { query: subscription.document, variables: subscription.variables() } });
}

async function connect() {
  clearTimeout(retry);
  if (socket || connecting || !isSignedIn()) return;
  connecting = true;
  let token;
  try {
    token = await accessToken();
  } catch (error) {
    connecting = false;
    if (!(error instanceof SignedOut)) lost(null, 1006);
    return;
  }
  connecting = false;
  const own = new WebSocket(new URL("/graphql", location.href.replace(/^http/, "ws")), "graphql-transport-ws");
  socket = own;
  lastMessageAt = performance.now();
  own.onopen = () => send({ type: "connection_init", payload: { Authorization: `Bearer ${token}`, "Accept-Language": language() } });
  own.onmessage = ({ data }) => { if (socket === own) receive(JSON.parse(data)); };
  own.onclose = ({ code, reason }) => { if (socket === own) lost(reason, code); };
}

/** @param {string | null} reason @param {number} code of the close, see docs/api.md */
function lost(reason, code) {
  socket = null;
  clearTimeout(renewal);
  setReady(false);
  if (code === 4403) expireToken();
  if (code === 4403 && failures > 2 && reason?.startsWith("UNAUTHENTICATED")) return; // the next request signs out
  if (code === 1012) failures = Math.max(failures, 1);
  if (code === 1013 || code === 4400 || code === 4406) failures = Math.max(failures, 3);
  retry = setTimeout(connect, backOff(failures) * 1000);
  failures += 1;
}

/** @param {boolean} value */
function setReady(value) {
  if (isReady === value) return;
  isReady = value;
  events.dispatchEvent(new Event("change"));
}

/** @param {{type: string, id?: string, payload?: any}} message */
function receive({ type, id = "", payload }) {
  lastMessageAt = performance.now();
  const subscription = subscriptions.get(id);
  if (type === "ping") send({ type: "pong" });
  else if (type === "connection_ack") {
    failures = 0;
    setReady(true);
    renewal = setTimeout(renew, renewalDelay());
    for (const each of subscriptions.keys()) start(each);
  } else if (type === "pong" && payload?.expiresAt) {
    clearTimeout(renewal);
    renewal = setTimeout(renew, renewalDelay());
  } else if (type === "next" && subscription && payload.data) subscription.onData(payload.data);
  else if (type === "error" && subscription) {
    const code = payload[0]?.extensions?.code || "INTERNAL";
    if (subscription.onError) subscription.onError(code);
    if (code !== "FORBIDDEN" && code !== "NOT_FOUND" && code !== "GRAPHQL_VALIDATION_FAILED") {
      setTimeout(() => { if (isReady) start(id); }, 5000 * (1 + Math.random()));
    }
  }
}

/** Go on with a new token on the open socket. */
async function renew() {
  try {
    const token = await accessToken({ renew: true });
    send({ type: "ping", payload: { Authorization: `Bearer ${token}` } });
  } catch (error) {
    if (!(error instanceof SignedOut)) renewal = setTimeout(renew, 5000);
  }
}

/** Close the connection, for good until something is subscribed to again. */
export function disconnect() {
  subscriptions.clear();
  clearTimeout(retry);
  clearTimeout(renewal);
  const old = socket;
  socket = null;
  old?.close();
  setReady(false);
}

setInterval(() => {
  if (!socket) return;
  const silence = (performance.now() - lastMessageAt) / 1000;
  if (silence > SILENCE_SECONDS) {
    const dead = socket;
    lost(null, 1006);
    dead.close();
  } else if (silence > PING_SECONDS) send({ type: "ping" });
}, 5000);
addEventListener("online", () => { failures = 0; connect(); });
addEventListener("offline", () => {
  const dead = socket;
  if (dead) { lost(null, 1006); dead.close(); }
});
