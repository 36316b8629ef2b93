/** Which board is shown: they take turns, or are chosen by the keys ← and → or by the dots. */

import { money } from "../core/format.js";

const NAMES = ["sales", "teams", "contests", "improvement"];
const SECONDS = 20; // for a board; the first stays twice as long

/**
 * Read from the address what to show: `#token=…&boards=sales,teams&seconds=30`.
 */
export function readRotation() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const wanted = (parameters.get("boards") || "").split(",").filter((name) => NAMES.includes(name));
  const seconds = Math.max(5, Number(parameters.get("seconds")) || SECONDS);
  let shown = wanted[0] || NAMES[0];
  let since = performance.now();
  /** @param {string} name */
  const show = (name) => {
    shown = name;
    since = performance.now();
  };
  return {
    names: wanted.length ? wanted : NAMES,
    // Truncated, not rounded: a value one cent below its target must not look as if it had reached it.
    money: (/** @type {string} */ amount) => money(Math.trunc(Number(amount))),
    show,
    /** @param {any[]} boards those that have something to show */
    current: (boards) => boards.find(({ name }) => name === shown) || boards[0],
    /** @param {() => any[]} boards @param {() => void} draw */
    start(boards, draw) {
      /** @param {number} step */
      const turn = (step) => {
        const all = boards();
        const at = all.findIndex(({ name }) => name === shown);
        show(all[(at + step + all.length) % all.length].name);
        draw();
      };
      setInterval(() => {
        const long = shown === (wanted[0] || NAMES[0]) ? 2 : 1;
        if (performance.now() - since > 1000 * seconds * long && boards().length > 1) turn(1);
      }, 1000);
      addEventListener("keydown", ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (step) turn(step);
      });
    },
  };
}
