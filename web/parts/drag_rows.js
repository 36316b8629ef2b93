/** Moves a row onto another one: by pointer, or with Space, the arrow keys and Enter on its grip. */

import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";

/**
 * A grip for a row with `data-drop`, the id that stands for it.
 * @param {string} id @param {string} name of the row
 * @param {(id: string, target: string) => void} onDrop
 */
export function grip(id, name, onDrop) {
  let moving = false;
  /** @type {HTMLElement | null} */
  let target = null;
  /** @returns {HTMLElement[]} */
  const places = () => [...button.closest("table").querySelectorAll("[data-drop]")].filter((row) => row.dataset.drop !== id);
  /** @param {HTMLElement | null} row */
  const aim = (row) => {
    target?.classList.remove("drop-target");
    target = row;
    target?.classList.add("drop-target");
    target?.scrollIntoView({ block: "nearest" });
    button.setAttribute("aria-description", target ? t("onto {name}", { name: target.dataset.name || "" }) : "");
  };
  /** @param {boolean} drops */
  const finish = (drops) => {
    const place = target?.dataset.drop;
    aim(null);
    moving = false;
    button.closest("tr")?.classList.remove("dragged");
    button.setAttribute("aria-pressed", "false");
    if (drops && place !== undefined) onDrop(id, place);
  };
  const begin = () => {
    moving = true;
    button.closest("tr")?.classList.add("dragged");
    button.setAttribute("aria-pressed", "true");
  };
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!moving) {
      if (event.key !== " " && event.key !== "Enter") return;
      begin();
    } else if (step) {
      const rows = places();
      aim(rows[Math.max(0, Math.min(rows.length - 1, (target ? rows.indexOf(target) : step > 0 ? -1 : rows.length) + step))]);
    } else if (event.key === "Enter" || event.key === " ") finish(true);
    else if (event.key === "Escape" || event.key === "Tab") finish(false);
    if (event.key !== "Tab") event.preventDefault();
  };
  const button = h("button.grip", { type: "button", "aria-pressed": "false", "aria-label": t("Move {name}: Space, arrow keys, Enter", { name }), title: t("Drag onto another team"), onkeydown, onblur: () => { if (moving) finish(false); } }, "⠿");
  button.addEventListener("pointerdown", (/** @type {PointerEvent} */ { pointerId }) => { button.setPointerCapture(pointerId); begin(); });
  button.addEventListener("pointermove", (/** @type {PointerEvent} */ { clientX, clientY }) => {
    if (!moving) return;
    const row = document.elementFromPoint(clientX, clientY)?.closest("[data-drop]");
    aim(row instanceof HTMLElement && places().includes(row) ? row : null);
  });
  button.addEventListener("pointerup", () => { if (moving) finish(true); });
  button.addEventListener("pointercancel", () => finish(false));
  return button;
}
