/** The announcement of wins, one after another, with a sound where somebody has asked for it. */

import { h, svg } from "../core/dom.js";
import { money } from "../core/format.js";
import { t } from "../core/i18n.js";

const SHOWN_SECONDS = 8;
const PAUSE_SECONDS = 0.4;
const MOST_WAITING = 3; // after a long time offline only the last ones matter
const BELL = "M12 2a2 2 0 0 0-2 2v.3A7 7 0 0 0 5 11v5l-2 2v1h18v-1l-2-2v-5a7 7 0 0 0-5-6.7V4a2 2 0 0 0-2-2zm-2.5 18a2.5 2.5 0 0 0 5 0z";

/** @type {any[]} */
const waiting = [];
/** @type {any} */
let shown = null;
/** @type {() => void} */
let changed = () => undefined;

/** @param {() => void} listener called when an announcement begins or ends */
export const onRing = (listener) => { changed = listener; };
export const winnerId = () => shown?.employee.id;

/** @param {any} win a deal that was won, or whose win was taken back */
export function ring(win) {
  const index = waiting.findIndex(({ id }) => id === win.id);
  if (!win.revoked) waiting.push(win);
  else if (index >= 0) waiting.splice(index, 1);
  else if (shown?.id === win.id) end();
  while (waiting.length > MOST_WAITING) waiting.shift();
  if (!shown) next();
}

function next() {
  const win = (shown = waiting.shift() || null);
  if (!win) return;
  play();
  changed();
  setTimeout(() => { if (shown === win) end(); }, SHOWN_SECONDS * 1000);
}

function end() {
  shown = null;
  changed();
  setTimeout(() => { if (!shown) next(); }, PAUSE_SECONDS * 1000);
}

/** The announcement, or null. */
export function announcement() {
  if (!shown) return null;
  const { id, employee, title, amount, standing } = shown;
  return h("div.bell", { role: "status", "data-key": `bell ${id}` },
    svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: BELL })),
    h("div", {}, h("strong", {}, employee.name), h("p", {}, title)),
    h("div.sum", {}, money(Math.trunc(Number(amount.amount)), amount.currency), h("small", {}, standing ? t("Place {rank}", { rank: standing.rank }) : "")));
}

/** @type {AudioContext | null} */
let audio = null;
let isLoud = new URLSearchParams(location.hash.slice(1)).get("sound") === "1"; // a browser may want a click first

/** @param {() => void} draw */
export const soundButton = (draw) => h("button.sound", {
  type: "button", "aria-pressed": String(isLoud), title: isLoud ? t("Sound is on") : t("Sound is off"), "aria-label": t("Sound of a win"),
  onclick: () => { isLoud = !isLoud; play(); draw(); },
}, svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: `M4 9.500v5h3.500l5 4v-13l-5 4z${isLoud ? "M16 9a4 4 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11" : "M16 9.500l5 5M21 9.500l-5 5"}` })));

/** Strike a bell twice: a tone with its upper partials, which die away. */
function play() {
  if (!isLoud) return;
  audio ||= new AudioContext();
  const { currentTime } = audio;
  for (const [delay, pitch] of [[0, 880], [0.22, 1174.7]]) {
    for (const [partial, loudness] of [[1, 0.22], [2.01, 0.1], [3.02, 0.05]]) {
      const [tone, volume] = [audio.createOscillator(), audio.createGain()];
      tone.frequency.value = pitch * partial;
      volume.gain.setValueAtTime(loudness, currentTime + delay);
      volume.gain.exponentialRampToValueAtTime(0.0001, currentTime + delay + 1.4 / partial);
      tone.connect(volume).connect(audio.destination);
      tone.start(currentTime + delay);
      tone.stop(currentTime + delay + 1.5);
    }
  }
}
