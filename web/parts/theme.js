/** Light, dark, or as the system has it. */

const KEY = "scoreline.theme";

/** @returns {"auto" | "light" | "dark"} */
export function theme() {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "auto";
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

/** @param {string} name */
export function chooseTheme(name) {
  localStorage.setItem(KEY, name);
  applyTheme();
}
