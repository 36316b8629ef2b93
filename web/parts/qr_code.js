/** QR codes (ISO/IEC 18004): bytes, error correction level L, versions 1 to 12. */

import { svg } from "../core/dom.js";

const CHECK_BYTES = [0, 7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24]; // per block, by version
const BLOCKS = [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4];
const ALIGNMENTS = [[], [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54], [6, 32, 58]];

/** @param {number} version */
function capacity(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const count = Math.floor(version / 7) + 2;
    modules -= (25 * count - 10) * count - 55;
    if (version >= 7) modules -= 36;
  }
  return Math.floor(modules / 8);
}

/** Multiply in the field of 256 elements. @param {number} one @param {number} other */
function multiply(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((other >>> bit) & 1) * one;
  }
  return product;
}

/** Reed–Solomon check bytes. @param {number[]} data @param {number} count */
function checkBytes(data, count) {
  const divisor = [...Array(count - 1).fill(0), 1];
  let root = 1;
  for (let step = 0; step < count; step += 1) {
    for (let index = 0; index < count; index += 1) divisor[index] = multiply(divisor[index], root) ^ (divisor[index + 1] || 0);
    root = multiply(root, 2);
  }
  const rest = Array(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((each, index) => { rest[index] ^= multiply(each, factor); });
  }
  return rest;
}

/** @param {string} text @returns {{version: number, bytes: number[]}} */
function encode(text) {
  const data = [...new TextEncoder().encode(text)];
  for (let version = 1; version < BLOCKS.length; version += 1) {
    const room = capacity(version) - CHECK_BYTES[version] * BLOCKS[version];
    const lengthBits = version < 10 ? 8 : 16;
    if (data.length * 8 + 4 + lengthBits > room * 8) continue;
    /** @type {number[]} */
    const bits = [];
    const put = (/** @type {number} */ value, /** @type {number} */ count) => { for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1); };
    put(4, 4);
    put(data.length, lengthBits);
    data.forEach((byte) => put(byte, 8));
    put(0, Math.min(4, room * 8 - bits.length));
    put(0, (8 - (bits.length % 8)) % 8);
    const bytes = [];
    for (let at = 0; at < bits.length; at += 8) bytes.push(bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0));
    for (let pad = 0xec; bytes.length < room; pad ^= 0xec ^ 0x11) bytes.push(pad);
    return { version, bytes: interleave(bytes, version) };
  }
  throw new RangeError("The text is too long for a QR code.");
}

/** @param {number[]} data @param {number} version */
function interleave(data, version) {
  const count = BLOCKS[version];
  const short = Math.floor(data.length / count);
  const longFrom = count - (data.length % count);
  /** @type {number[][]} */
  const blocks = [];
  for (let index = 0, at = 0; index < count; index += 1) {
    const size = short + (index >= longFrom ? 1 : 0);
    blocks.push(data.slice(at, (at += size)));
  }
  const checks = blocks.map((block) => checkBytes(block, CHECK_BYTES[version]));
  const out = [];
  for (let index = 0; index <= short; index += 1) for (const block of blocks) if (index < block.length) out.push(block[index]);
  for (let index = 0; index < CHECK_BYTES[version]; index += 1) for (const check of checks) out.push(check[index]);
  return out;
}

/** Append the remainder of a division to a value, as the format and version fields have it. @param {number} value @param {number} bits @param {number} divisor */
function withRemainder(value, bits, divisor) {
  let rest = value;
  for (let step = 0; step < bits; step += 1) rest = (rest << 1) ^ ((rest >>> (bits - 1)) * divisor);
  return (value << bits) | rest;
}

/**
 * Return the modules of the code, row by row.
 * @param {string} text
 * @returns {boolean[][]}
 */
export function qrModules(text) {
  const { version, bytes } = encode(text);
  const size = 17 + 4 * version;
  /** @type {boolean[][]} */
  const modules = Array.from({ length: size }, () => Array(size).fill(false));
  const fixed = Array.from({ length: size }, () => Array(size).fill(false));
  const set = (/** @type {number} */ x, /** @type {number} */ y, /** @type {boolean} */ dark) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    modules[y][x] = dark;
    fixed[y][x] = true;
  };
  for (let index = 0; index < size; index += 1) { set(6, index, index % 2 === 0); set(index, 6, index % 2 === 0); }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
    for (let dy = -4; dy <= 4; dy += 1) for (let dx = -4; dx <= 4; dx += 1) {
      const distance = Math.max(Math.abs(dx), Math.abs(dy));
      set(cx + dx, cy + dy, distance !== 2 && distance !== 4);
    }
  }
  const centres = ALIGNMENTS[version];
  centres.forEach((cx, i) => centres.forEach((cy, j) => {
    if ((i === 0 && j === 0) || (i === 0 && j === centres.length - 1) || (i === centres.length - 1 && j === 0)) return;
    for (let dy = -2; dy <= 2; dy += 1) for (let dx = -2; dx <= 2; dx += 1) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }));
  const format = withRemainder(1 << 3, 10, 0x537) ^ 0x5412; // level L, mask 0
  const bit = (/** @type {number} */ index) => ((format >>> index) & 1) === 1;
  for (let index = 0; index < 6; index += 1) set(8, index, bit(index));
  set(8, 7, bit(6)); set(8, 8, bit(7)); set(7, 8, bit(8));
  for (let index = 9; index < 15; index += 1) set(14 - index, 8, bit(index));
  for (let index = 0; index < 8; index += 1) set(size - 1 - index, 8, bit(index));
  for (let index = 8; index < 15; index += 1) set(8, size - 15 + index, bit(index));
  set(8, size - 8, true);
  if (version >= 7) {
    const field = withRemainder(version, 12, 0x1f25);
    for (let index = 0; index < 18; index += 1) {
      const dark = ((field >>> index) & 1) === 1;
      const [far, near] = [size - 11 + (index % 3), Math.floor(index / 3)];
      set(far, near, dark);
      set(near, far, dark);
    }
  }
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) for (let side = 0; side < 2; side += 1) {
      const x = right - side;
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      if (fixed[y][x]) continue;
      const dark = at < bytes.length * 8 && ((bytes[at >>> 3] >>> (7 - (at & 7))) & 1) === 1;
      at += 1;
      modules[y][x] = dark !== ((x + y) % 2 === 0); // mask 0
    }
  }
  return modules;
}

/** A picture of the code, always dark on light. @param {string} text @param {string} label */
export function qrCode(text, label) {
  const modules = qrModules(text);
  const size = modules.length + 8;
  const path = modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  return svg("svg.qr", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: path, fill: "#000" }));
}
