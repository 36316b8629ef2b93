/** All charts: SVG in the colours of the page, drawn anew when their box changes its size. */

import { h, svg } from "../core/dom.js";
import { calendarDate, day, figure, percent } from "../core/format.js";
import { t } from "../core/i18n.js";
import { daysOf } from "../core/period.js";

/** @typedef {{x: number, y: number, label: string}} Spot a place that the pointer can ask about */
/** @typedef {(width: number, height: number) => {elements: any[], spots?: Spot[]}} Draw */

/** A box that draws a chart in its own size, with a tooltip. */
class ChartBox extends HTMLElement {
  /** @type {Draw} */
  draw = () => ({ elements: [] });
  data = ""; // what the chart shows, to draw only when it has changed
  #size = [0, 0]; // from the observer, as asking for it would lay out the page
  #observer = new ResizeObserver(([{ contentRect: { width, height } }]) => { this.#size = [width, height]; this.paint(); });
  connectedCallback() { this.#observer.observe(this); }
  disconnectedCallback() { this.#observer.disconnect(); }
  /** @param {ChartBox} other */
  update(other) {
    if (this.data === other.data) return;
    [this.draw, this.data] = [other.draw, other.data];
    this.paint();
  }
  paint() {
    const [width, height] = this.#size;
    if (!width || !height) return;
    const { elements, spots = [] } = this.draw(width, height);
    const picture = svg("svg", { width, height, "aria-hidden": "true" }, elements);
    const tip = h("div.tip", { hidden: true });
    this.replaceChildren(picture, tip);
    this.onpointerleave = () => { tip.hidden = true; };
    this.onpointermove = (/** @type {PointerEvent} */ event) => {
      if (!spots.length) return;
      const x = event.clientX - this.getBoundingClientRect().left;
      const spot = spots.reduce((best, each) => (Math.abs(each.x - x) < Math.abs(best.x - x) ? each : best));
      tip.hidden = false;
      tip.textContent = spot.label;
      tip.style.left = `${Math.min(width - tip.offsetWidth, Math.max(0, spot.x - tip.offsetWidth / 2))}px`;
      tip.style.top = `${Math.max(0, spot.y - tip.offsetHeight - 8)}px`;
    };
  }
}
customElements.define("chart-box", ChartBox);

/** @param {string} kind of the class @param {string} summary for readers of the screen; empty where a text beside says it @param {any} data @param {Draw} draw */
function chart(kind, summary, data, draw) {
  const box = h("chart-box", { class: kind, "data-own": "", ...(summary ? { role: "img", "aria-label": summary } : { "aria-hidden": "true" }) });
  [box.draw, box.data] = [draw, JSON.stringify(data)];
  return box;
}

/** @param {[number, number][]} points */
const line = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/**
 * A ring filled by a percentage, with a notch where an even pace would be.
 * @param {{value: number, expected: number, pace: string}} options percent of the target
 */
export function ring({ value, expected, pace }) {
  const length = 2 * Math.PI * 34;
  const shown = Math.max(0, Math.min(100, value));
  const angle = (Math.min(100, expected) / 100) * 2 * Math.PI - Math.PI / 2;
  const at = (/** @type {number} */ radius) => [40 + radius * Math.cos(angle), 40 + radius * Math.sin(angle)];
  const [[x1, y1], [x2, y2]] = [at(29.5), at(38.5)];
  return svg("svg.ring", { viewBox: "0 0 80 80", "data-pace": pace, role: "img", "aria-label": percent(value) },
    svg("circle.track", { cx: 40, cy: 40, r: 34 }),
    svg("circle.part", { cx: 40, cy: 40, r: 34, style: { "stroke-dasharray": length, "stroke-dashoffset": length * (1 - shown / 100) } }),
    expected > 0 && expected < 100 ? svg("line.notch", { x1, y1, x2, y2 }) : null,
    svg("text", { x: 40, y: 46 }, value < 1000 ? percent(Math.floor(value)) : `> ${percent(999)}`));
}

/**
 * A bar with the mark of an even pace and a pale projection.
 * @param {{value: number, expected?: number | null, projected?: number | null, pace?: string, label?: string}} options percent
 */
export function bar({ value, expected = null, projected = null, pace = "ON_TRACK", label }) {
  const whole = Math.max(100, value, projected || 0);
  const share = (/** @type {number} */ part) => `${Math.max(0, (100 * part) / whole)}%`;
  return h("div.bar", { "data-pace": pace, role: "img", "aria-label": label || percent(value) },
    projected ? h("i.ahead", { "data-key": "ahead", style: { width: share(projected) } }) : null,
    h("i.part", { "data-key": "part", style: { width: share(value) } }),
    whole > 100 ? h("i.goal", { style: { left: share(100) } }) : null,
    expected !== null && expected < 100 ? h("i.mark", { style: { left: share(expected) } }) : null);
}

/**
 * The way of a goal: what has come in day by day, an even pace on working days, and the projection with its range.
 * @param {any} goal with `metric`, `target`, `period` and `progress`
 * @param {{start: string, value: string}[]} points what was counted each day or week
 * @param {{low: string, high: string} | null} range of the value at the end
 * @param {string[]} workdaysList the working days of the period
 */
export function paceChart({ metric, target, period, progress }, points, range, workdaysList) {
  const summary = t("{value} of {target}, projected {projected}", { value: figure(progress.value, metric.unit), target: figure(target, metric.unit), projected: figure(progress.projected ?? null, metric.unit) });
  return chart("pace", summary, [target, period, progress, points, range], (width, height) => {
    const days = daysOf(period);
    const [value, goal, projected] = [progress.value, target, progress.projected ?? progress.value].map(Number);
    const [low, high] = range ? [Number(range.low), Number(range.high)] : [projected, projected];
    const top = Math.max(value, goal, projected, high) * 1.1 || 1;
    const [bottom, left, right] = [height - 18, 1, width - 1];
    const x = (/** @type {number} */ index) => left + ((right - left) * index) / days.length;
    const y = (/** @type {number} */ amount) => bottom - ((bottom - 14) * amount) / top;
    const today = calendarDate(progress.asOf);
    const lastIndex = Math.max(0, days.findIndex((each) => each >= today) < 0 ? days.length - 1 : days.findIndex((each) => each >= today));
    let sum = 0;
    /** @type {[number, number][]} */
    const actual = [[x(0), y(0)]];
    /** @type {Spot[]} */
    const spots = [];
    const begun = points.filter(({ start }) => start <= days[lastIndex]);
    begun.forEach((point, index) => {
      sum += Number(point.value);
      const next = begun[index + 1];
      const end = next ? Math.max(0, days.indexOf(next.start)) : lastIndex + 1; // what was counted until then
      const amount = next ? sum : value;
      actual.push([x(end), y(amount)]);
      spots.push({ x: x(end), y: y(amount), label: `${day(days[Math.max(0, end - 1)])} · ${figure(amount, metric.unit)}` });
    });
    if (!begun.length) actual.push([x(lastIndex + 1), y(value)]);
    const workdays = new Set(workdaysList);
    let worked = 0;
    /** @type {[number, number][]} */
    const even = [[x(0), y(0)]];
    days.forEach((each, index) => {
      worked += workdays.has(each) ? 1 : 0;
      even.push([x(index + 1), y((goal * worked) / (workdays.size || 1))]);
    });
    const [endX, endY] = actual[actual.length - 1];
    const running = lastIndex < days.length - 1 && progress.projectionBasis && progress.projectionBasis !== "VALUE";
    return {
      spots,
      elements: [
        svg("line.axis", { x1: left, x2: right, y1: bottom, y2: bottom }),
        svg("line.target", { x1: left, x2: right, y1: y(goal), y2: y(goal) }),
        svg("text.label", { x: left, y: y(goal) - 4 }, figure(goal, metric.unit, true)),
        svg("path.even", { d: line(even) }),
        running && range ? svg("path.range", { d: `M${endX} ${endY}L${right} ${y(high)}L${right} ${y(low)}Z` }) : null,
        running ? svg("path.projection", { d: line([[endX, endY], [right, y(projected)]]) }) : null,
        svg("path.area", { "data-pace": progress.pace, d: `${line(actual)}L${endX.toFixed(1)} ${bottom}L${left} ${bottom}Z` }),
        svg("path.actual", { "data-pace": progress.pace, d: line(actual) }),
        svg("circle.now", { "data-pace": progress.pace, cx: endX, cy: endY, r: 3 }),
        svg("text.label", { x: left, y: height - 4 }, day(days[0])),
        svg("text.label.end", { x: right, y: height - 4 }, day(days[days.length - 1])),
      ].filter(Boolean),
    };
  });
}

/**
 * Columns over time.
 * @param {{start: string, value: string}[]} points @param {string} unit @param {string} summary @param {string | null} [today] later ones are pale
 */
export function columns(points, unit, summary, today = null) {
  return chart("columns", summary, [points, today], (width, height) => {
    const top = Math.max(...points.map(({ value }) => Number(value)), 0) || 1;
    const bottom = height - 16;
    const step = width / points.length;
    const gap = Math.min(3, step * 0.25);
    return {
      spots: points.map(({ start, value }, index) => ({ x: step * (index + 0.5), y: bottom - (bottom * Number(value)) / top, label: `${day(start)} · ${figure(value, unit)}` })),
      elements: [
        ...points.map(({ start, value }, index) => {
          const tall = Math.max(Number(value) > 0 ? 2 : 1, ((bottom - 4) * Number(value)) / top);
          return svg("rect", { x: step * index + gap / 2, y: bottom - tall, width: Math.max(1, step - gap), height: tall, rx: Math.min(2, step / 4), class: Number(value) > 0 ? "full" : today && start > today ? "future" : "none" });
        }),
        svg("text.label", { x: 0, y: height - 3 }, day(points[0].start)),
        svg("text.label.end", { x: width, y: height - 3 }, day(points[points.length - 1].start)),
      ],
    };
  });
}

/** A line without axes. @param {number[]} values */
export function spark(values) {
  return chart("spark", "", values, (width, height) => {
    const top = Math.max(...values, 0) || 1;
    const points = values.map((value, index) => /** @type {[number, number]} */ ([(width * index) / Math.max(1, values.length - 1), height - 1.5 - ((height - 3) * value) / top]));
    return { elements: [svg("path.actual", { d: line(points) })] };
  });
}

/**
 * A forecast as a bar: booked, the range, the expected value and the target.
 * @param {any} forecast
 */
export function forecastBar({ booked, low, high, expected, target, confidence }) {
  const whole = Math.max(Number(booked), Number(high), Number(target || 0)) * 1.03 || 1;
  const share = (/** @type {string | number} */ amount) => `${(100 * Number(amount)) / whole}%`;
  const known = confidence !== "NONE";
  return h("div.forecast-bar", { "aria-hidden": "true" },
    h("i.part", { style: { width: share(booked) } }),
    known ? h("i.range", { style: { left: share(low), width: share(Number(high) - Number(low)) } }) : null,
    known ? h("i.mark", { style: { left: share(expected) } }) : null,
    target ? h("i.goal", { style: { left: share(target) } }) : null);
}

/**
 * Forecasts of earlier days with their ranges, against the target.
 * @param {any[]} snapshots @param {string | null} target
 */
export function forecastHistory(snapshots, target) {
  return chart("history", t("Earlier forecasts of this period"), [snapshots, target], (width, height) => {
    const top = Math.max(...snapshots.map(({ high }) => Number(high)), Number(target || 0)) * 1.08 || 1;
    const bottom = height - 16;
    const x = (/** @type {number} */ index) => (width * index) / Math.max(1, snapshots.length - 1);
    const y = (/** @type {string} */ amount) => bottom - ((bottom - 6) * Number(amount)) / top;
    const along = (/** @type {string} */ name) => snapshots.map((each, index) => /** @type {[number, number]} */ ([x(index), y(each[name])]));
    return {
      spots: snapshots.map((each, index) => ({ x: x(index), y: y(each.expected), label: `${day(each.day)} · ${figure(each.expected, "MONEY")}` })),
      elements: [
        svg("path.range", { d: `${line(along("high"))}${line(along("low").reverse()).replace("M", "L")}Z` }),
        target ? svg("line.target", { x1: 0, x2: width, y1: y(target), y2: y(target) }) : null,
        svg("path.actual", { d: line(along("booked")) }),
        svg("path.projection", { d: line(along("expected")) }),
        svg("text.label", { x: 0, y: height - 3 }, day(snapshots[0].day)),
        svg("text.label.end", { x: width, y: height - 3 }, day(snapshots[snapshots.length - 1].day)),
      ].filter(Boolean),
    };
  });
}
