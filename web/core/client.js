/** Queries and mutations over HTTP: one function each, with renewal of the token and waiting where the server asks for it. */

import { language } from "./i18n.js";
import { accessToken, expireToken, Offline } from "./session.js";

const ATTEMPTS = 4;
const WAITS = new Set(["THROTTLED", "UNAVAILABLE", "TIMEOUT"]);

/** An error of the whole request, with the code of docs/api.md, and the field that it is about. */
export class RequestError extends Error {
  /** @param {string} code @param {string} message @param {string} [field] */
  constructor(code, message, field = "") {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/** What the server has refused, with sentences for the user. */
export class Refused extends Error {
  /** @param {{path: string[], code: string, message: string}[]} userErrors */
  constructor(userErrors) {
    super(userErrors.map(({ message }) => message).join(" "));
    this.userErrors = userErrors;
    this.code = userErrors[0].code;
  }
}

/** @param {number} seconds */
export const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

/** Seconds to wait before an attempt, random so that many clients do not come at once. @param {number} failures */
export const backOff = (failures) => Math.min(60, 2 ** failures) * (0.5 + Math.random());

/**
 * Execute a query and return its data.
 * @param {string} document
 * @param {Record<string, unknown>} [variables]
 * @param {{attempts?: number}} [options] attempts: how often to ask a server that is busy
 * @returns {Promise<any>}
 */
export async function query(document, variables = {}, { attempts = ATTEMPTS } = {}) {
  for (let failures = 0; ; failures += 1) {
    const token = await accessToken();
    let answer;
    try {
      answer = await fetch("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", "accept-language": language(), authorization: `Bearer ${token}` },
        body: JSON.stringify({ query: document, variables }),
      });
    } catch {
      throw new Offline();
    }
    const body = await answer.json().catch(() => ({ errors: [{ message: answer.statusText, extensions: { code: "UNAVAILABLE" } }] }));
    if (!body.errors) return body.data;
    const [{ message, extensions }] = body.errors;
    const last = failures + 1 >= attempts;
    if (!last && (extensions.code === "TOKEN_EXPIRED" || extensions.code === "UNAUTHENTICATED")) expireToken();
    else if (!last && WAITS.has(extensions.code)) await pause(extensions.retryAfterMs ? extensions.retryAfterMs / 1000 : backOff(failures));
    else throw new RequestError(extensions.code, message, extensions.field);
  }
}

/**
 * Execute a mutation and return its payload; throws `Refused` with the server's sentences.
 * @param {string} document with one root field
 * @param {Record<string, unknown>} variables
 * @returns {Promise<any>}
 */
export async function mutate(document, variables) {
  const [payload] = Object.values(await query(document, variables));
  if (payload.userErrors.length) throw new Refused(payload.userErrors);
  return payload;
}

/** A key by which the server knows a repetition of the same call. */
export const newKey = () => crypto.randomUUID();
