/** Tells the server that the page is in use: about once a minute, while its user does something. Hours worked come from it. */

import { mutate, newKey } from "./client.js";
import { gql } from "./gql.js";
import { isSignedIn } from "./session.js";

const HEARTBEAT = gql`mutation Heartbeat($key: String!) { heartbeat(idempotencyKey: $key) { online userErrors { message } } }`;
const MINUTE = 60_000;

let isUsed = true; // to open the page is to use it

export function startHeartbeat() {
  for (const name of ["pointerdown", "keydown", "scroll"]) addEventListener(name, () => { isUsed = true; }, { passive: true, capture: true });
  setInterval(() => {
    if (!isUsed || document.hidden || !isSignedIn()) return;
    isUsed = false;
    mutate(HEARTBEAT, { key: newKey() }).catch(() => undefined); // the next minute tells it again
  }, MINUTE);
}
