/** Cells of a table that behave like those of a spreadsheet: arrow keys, paste of columns, copy of the whole. */

/**
 * Read a number as people and spreadsheets write it: "1 234,50 €", "1,234.50", "1234.5". Null if it is none.
 * @param {string} text
 * @returns {string | null}
 */
export function readNumber(text) {
  let digits = text.replace(/[−–]/g, "-").replace(/[^\d.,-]/g, "").replace(/[.,]+$/, ""); // such as of "руб."
  const [comma, point] = [digits.lastIndexOf(","), digits.lastIndexOf(".")];
  if (comma >= 0 && point >= 0) digits = comma > point ? digits.replaceAll(".", "").replace(",", ".") : digits.replaceAll(",", "");
  else if (comma >= 0) digits = /^-?\d{1,3}(,\d{3})+$/.test(digits) ? digits.replaceAll(",", "") : digits.replace(",", ".");
  else if (/^-?\d{1,3}(\.\d{3}){2,}$/.test(digits)) digits = digits.replaceAll(".", "");
  return /^\d+(\.\d+)?$/.test(digits) ? digits : null;
}

const NAME = /^\p{L}(?![A-Z]{2}\s?\d)/u; // such as "Team 7", but not "EUR 700"

/** A name as a spreadsheet takes it: it must not become a formula. @param {string} name */
export const nameCell = (name) => (/^[=+@-]/.test(name) ? `'${name}` : name).replace(/[\t\r\n]+/g, " ");

/**
 * Read what was copied from a spreadsheet: a column of numbers, or names with their numbers.
 * @param {string} text
 * @returns {{name: string | null, value: string | null}[]}
 */
export function readTable(text) {
  const rows = text.replace(/\r?\n$/, "").split(/\r?\n/).map((row) => row.split("\t").map((cell) => cell.trim()));
  return rows.map((cells) => {
    const hasName = cells.length > 1 && (readNumber(cells[0]) === null || NAME.test(cells[0]));
    const numbers = (hasName ? cells.slice(1) : cells).map(readNumber).filter((value) => value !== null);
    return { name: hasName ? cells[0].replace(/^'/, "") : null, value: numbers.length ? numbers[numbers.length - 1] : null };
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
    cell.value = /** @type {any} */ (cell).shownValue; // as it was before typing
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
