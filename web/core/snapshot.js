/** What a screen showed last, kept in the browser for a time without a network, until its user signs out. */

import { onSignedOut, viewer } from "./session.js";

const STORE = "scoreline.snapshot";

/** @param {string} screen @param {any} data */
export function keepSnapshot(screen, data) {
  try {
    localStorage.setItem(STORE, JSON.stringify({ screen, owner: viewer().employee.id, at: new Date().toISOString(), data }));
  } catch {
    localStorage.removeItem(STORE); // the store of the browser is full: the outbox needs the room more
  }
}

/** @param {string} screen @returns {{at: string, data: any} | null} */
export function readSnapshot(screen) {
  const snapshot = JSON.parse(localStorage.getItem(STORE) || "null");
  return snapshot?.screen === screen && snapshot.owner === viewer().employee.id ? snapshot : null;
}

onSignedOut(() => localStorage.removeItem(STORE));
