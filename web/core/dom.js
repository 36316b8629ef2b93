/** Builds and updates the page's elements, without any HTML in texts: names and titles are only ever text nodes. */

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

const SVG = "http://www.w3.org/2000/svg";
/** @type {ReadonlyArray<"onclick"|"oninput"|"onchange"|"onkeydown"|"onsubmit"|"onpaste"|"onfocus"|"onblur"|"oncopy"|"onclose">} */
const HANDLERS = ["onclick", "oninput", "onchange", "onkeydown", "onsubmit", "onpaste", "onfocus", "onblur", "oncopy", "onclose"];

/**
 * Create an element: `h("li.row", {onclick: open}, name)`.
 * @param {string} selector tag and classes
 * @param {Record<string, any>} [attributes] `on…` are handlers, `style` maps CSS properties, false and null are left out
 * @param {...Child} children
 * @returns {any}
 */
export function h(selector, attributes = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  return fill(document.createElement(tag), classes, attributes, children);
}

/**
 * Create an SVG element.
 * @param {string} selector
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {any}
 */
export function svg(selector, attributes = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

/**
 * @param {any} element
 * @param {string[]} classes
 * @param {Record<string, any>} attributes
 * @param {Child[]} children
 */
function fill(element, classes, attributes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    const handler = HANDLERS.find((each) => each === name);
    if (handler) element[handler] = value;
    else if (name === "style") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, String(text));
    else if (name === "value" && element.tagName !== "OPTION") element.value = element.shownValue = value; // `morph` tells by it what was typed
    else if (name === "checked") element.checked = value;
    else if (name === "class") element.setAttribute("class", [...classes, value].join(" "));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function nodes(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return nodes(child);
    if (child === null || child === undefined || child === false) return [];
    return [child instanceof Node ? child : String(child)];
  });
}

/**
 * Make the children of an element equal to the given ones, and keep the elements that are there already: focus, typed
 * text and running transitions stay. Children with `data-key` are moved rather than made anew.
 * @param {Element} target
 * @param {...Child} children
 */
export function render(target, ...children) {
  const source = document.createDocumentFragment();
  source.append(...nodes(children));
  morphChildren(target, source);
}

/**
 * Remember the parts of a screen: `part("goal", [goal], () => goalWindow(goal))` makes an element with a `data-key` only when
 * one of the inputs is another one than the last time; else the element of that key stays as it is.
 * @returns {(key: string, inputs: any[], make: () => any) => any}
 */
export function rememberParts() {
  /** @type {Map<string, {inputs: any[], stand: HTMLElement | null}>} */
  const known = new Map();
  return (key, inputs, make) => {
    const last = known.get(key);
    if (last && last.inputs.length === inputs.length && inputs.every((input, index) => input === last.inputs[index])) return last.stand?.cloneNode() || null;
    const element = make();
    known.set(key, { inputs, stand: element && h(element.localName, { "data-key": element.dataset.key, "data-unchanged": "" }) });
    return element;
  };
}

/** @param {any} target @param {any} source */
function morph(target, source) {
  if (source.nodeType === Node.ELEMENT_NODE && source.hasAttribute("data-unchanged")) return;
  if (target.nodeType === Node.TEXT_NODE) {
    if (target.data !== source.data) target.data = source.data;
    return;
  }
  for (const name of target.getAttributeNames()) if (name !== "style" && !source.hasAttribute(name) && !(name === "open" && target.tagName === "DETAILS")) target.removeAttribute(name);
  for (const name of source.getAttributeNames()) {
    const value = source.getAttribute(name);
    if (name !== "style" && target.getAttribute(name) !== value) target.setAttribute(name, value);
  }
  if (target.style.cssText !== source.style.cssText) target.style.cssText = source.style.cssText;
  for (const handler of HANDLERS) if (target[handler] !== source[handler]) target[handler] = source[handler];
  if (target.hasAttribute("data-own")) { // it fills itself
    target.update(source);
    return;
  }
  morphChildren(target, source);
  if (source.tagName === "SELECT" && target !== document.activeElement) target.value = source.value;
  if ("shownValue" in source) {
    const isTyping = target === document.activeElement && target.value !== target.shownValue;
    if (!isTyping && target.value !== source.value) target.value = source.value;
    target.shownValue = source.shownValue;
  }
  if (source.type === "checkbox" && target.checked !== source.checked) target.checked = source.checked;
}

/** @param {Node} target @param {Node} source */
function morphChildren(target, source) {
  const keyed = new Map();
  for (const child of target.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let cursor = target.firstChild;
  for (const next of [...source.childNodes]) {
    const key = keyOf(next);
    const candidate = key ? keyed.get(key) : cursor;
    const same = candidate && candidate.nodeName === next.nodeName && keyOf(candidate) === key;
    if (!same) {
      target.insertBefore(next, cursor);
      continue;
    }
    if (cursor && candidate === cursor) cursor = cursor.nextSibling;
    else target.insertBefore(candidate, cursor);
    morph(candidate, next);
  }
  while (cursor) {
    const after = cursor.nextSibling;
    cursor.parentNode?.removeChild(cursor);
    cursor = after;
  }
}

/** @param {Node} node */
function keyOf(node) {
  return node instanceof HTMLElement || node instanceof SVGElement ? node.dataset.key : undefined;
}

export const prefersStill = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Update a list and let its keyed children glide from their old places to the new ones.
 * @param {Element} list
 * @param {() => void} update
 */
export function glide(list, update) {
  const tops = new Map([...list.children].map((child) => [keyOf(child), child.getBoundingClientRect().top]));
  update();
  if (prefersStill.matches || document.hidden) return;
  for (const child of list.children) {
    const before = tops.get(keyOf(child));
    const distance = before === undefined ? 0 : before - child.getBoundingClientRect().top;
    if (distance) child.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], { duration: 600, easing: "cubic-bezier(.2,.8,.2,1)" });
  }
}

const PAUSE_MS = 150; // between two drawings while much happens

/**
 * Call a function once for many calls: at the next frame, or a moment after the last time.
 * @param {() => void} work
 * @returns {() => void}
 */
export function onNextFrame(work) {
  let waiting = false;
  let last = -PAUSE_MS;
  const run = () => {
    if (!waiting) return;
    waiting = false;
    last = performance.now();
    work();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    const pause = last + PAUSE_MS - performance.now();
    if (pause > 0) setTimeout(run, pause);
    else {
      requestAnimationFrame(run);
      setTimeout(run, 100); // a hidden page has no frames
    }
  };
}
