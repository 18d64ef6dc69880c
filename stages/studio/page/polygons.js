// Corners of a polygon: what a pointer takes hold of, and the polygon after a change. Pure functions.
"use strict";

/** @typedef {import("./state.js").Place} Place */
/** A painted polygon whose corners can be moved. `undo`: the steps of the sheet right after it was painted.
 * @typedef {{path: Place[], chosen: number, person: number, undo: number, painted: Promise<void>}} Polygon
 */

const REACH = 10;

/**
 * The corner under a pointer, or the side on which a new corner would be: its index, and whether it is a corner.
 * @param {Place[]} path @param {Place} where @param {number} scale pixels of the screen in one of the image, less for fingers
 * @returns {{index: number, corner: boolean}|null}
 */
export function grabbed(path, where, scale) {
  const far = path.map(at => Math.hypot(at[0] - where[0], at[1] - where[1]) * scale), nearest = Math.min(...far);
  if (nearest <= REACH) return { index: far.indexOf(nearest), corner: true };
  const sides = path.map((at, index) => gap(at, path[(index + 1) % path.length], where) * scale), least = Math.min(...sides);
  return least <= REACH / 2 ? { index: sides.indexOf(least) + 1, corner: false } : null;
}

/** The distance of a place from the line between two others. @param {Place} a @param {Place} b @param {Place} where */
function gap(a, b, where) {
  const dx = b[0] - a[0], dy = b[1] - a[1], length = dx * dx + dy * dy;
  const share = length ? Math.min(Math.max(((where[0] - a[0]) * dx + (where[1] - a[1]) * dy) / length, 0), 1) : 0;
  return Math.hypot(a[0] + share * dx - where[0], a[1] + share * dy - where[1]);
}

/** @param {Place[]} path @param {number} index @param {Place} where @returns {Place[]} with a corner elsewhere */
export const moved = (path, index, where) => path.map((at, one) => (one === index ? where : at));

/** @param {Place[]} path @param {number} index @param {Place} where @returns {Place[]} with one corner more */
export const inserted = (path, index, where) => [...path.slice(0, index), where, ...path.slice(index)];

/** @param {Place[]} path @param {number} index @returns {Place[]} with one corner less */
export const without = (path, index) => path.filter((_, one) => one !== index);
