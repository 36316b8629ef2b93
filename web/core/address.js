/** What is shown stands in the address: the screen as the path, scope, period and metric as parameters. */

const events = new EventTarget();

/** @param {() => void} listener called after each change of the address */
export const onAddressChange = (listener) => events.addEventListener("change", listener);

export const path = () => location.pathname;
/** @param {string} name */
export const parameter = (name) => new URLSearchParams(location.search).get(name);

/**
 * Show another screen.
 * @param {string} to path with parameters
 * @param {{replace?: boolean}} [options]
 */
export function go(to, { replace = false } = {}) {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  events.dispatchEvent(new Event("change"));
}

/**
 * Return the present address with other parameters; null removes one.
 * @param {Record<string, string | null>} values
 */
export function withParameters(values) {
  const parameters = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value === null ? parameters.delete(name) : parameters.set(name, value);
  const text = parameters.toString();
  return location.pathname + (text ? `?${text}` : "");
}

addEventListener("popstate", () => events.dispatchEvent(new Event("change")));
// Links within the page: the browser still opens them in a new tab where the user asks for one.
addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-go]") : null;
  if (!(link instanceof HTMLAnchorElement) || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
