/** Cells of a table that behave like those of a spreadsheet: arrow keys, paste of columns, copy of the whole. */

/**
 * Read a number as people and spreadsheets write it: "1 234,50 €", "1,234.50", "1234.5". Null if it is none.
 * @param {string} text
 * @returns {string | null}
 */
export function readNumber(text) {
  let digits = text.replace(/[^\d.,-]/g, "");
  const [comma, point] = [digits.lastIndexOf(","), digits.lastIndexOf(".")];
  if (comma >= 0 && point >= 0) digits = comma > point ? digits.replaceAll(".", "").replace(",", ".") : digits.replaceAll(",", "");
  else if (comma >= 0) digits = /^-?\d{1,3}(,\d{3})+$/.test(digits) ? digits.replaceAll(",", "") : digits.replace(",", ".");
  else if (/^-?\d{1,3}(\.\d{3}){2,}$/.test(digits)) digits = digits.replaceAll(".", "");
  return /^\d+(\.\d+)?$/.test(digits) ? digits : null;
}

/**
 * Read what was copied from a spreadsheet: a column of numbers, or names with their numbers.
 * @param {string} text
 * @returns {{name: string | null, value: string | null}[]}
 */
export function readTable(text) {
  const rows = text.replace(/\r?\n$/, "").split(/\r?\n/).map((row) => row.split("\t").map((cell) => cell.trim()));
  return rows.map((cells) => {
    const hasName = cells.length > 1 && readNumber(cells[0]) === null;
    const numbers = (hasName ? cells.slice(1) : cells).map(readNumber).filter((value) => value !== null);
    return { name: hasName ? cells[0] : null, value: numbers.length ? numbers[numbers.length - 1] : null };
  });
}

/**
 * Move between the cells of a column by arrow keys and Enter.
 * @param {KeyboardEvent} event of an input within a table
 */
export function moveByKey(event) {
  const step = { ArrowDown: 1, Enter: 1, ArrowUp: -1 }[event.key];
  const cell = /** @type {HTMLInputElement} */ (event.target);
  if (event.key === "Escape") {
    cell.value = cell.defaultValue;
    cell.blur();
  }
  if (!step) return;
  event.preventDefault();
  const cells = [...(cell.closest("table")?.querySelectorAll(`input[data-column="${cell.dataset.column}"]`) || [])];
  const next = /** @type {HTMLInputElement | undefined} */ (cells[cells.indexOf(cell) + step]);
  cell.blur();
  next?.focus();
  next?.select();
}
