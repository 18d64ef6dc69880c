// Pointers on the image: pan and zoom with two fingers, the wheel or the space bar; else the tool of the stage.
"use strict";
import { HANDLE } from "./picture.js";

/** How far from a handle a finger takes hold of it, in reaches of a mouse. */
const FINGER = 2.2;

/**
 * @typedef {{down: (at: [number, number]) => void, move: (at: [number, number]) => void,
 *   up: (at: [number, number]) => void, cancel: () => void}} Tool
 */

/**
 * @param {import("./picture.js").Picture} picture
 * @param {() => Tool|null} tool of the stage now
 * @param {() => boolean} panning whether the space bar is held
 */
export function listen(picture, tool, panning) {
  const canvas = picture.canvas;
  /** @type {Map<number, [number, number]>} */
  const fingers = new Map();
  /** @type {Tool|null} */
  let active = null;
  let pan = false;
  const place = event => {
    const frame = canvas.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - frame.left, event.clientY - frame.top]);
  };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    picture.reach = event.pointerType === "touch" ? FINGER : 1;
    if (fingers.size === 2) { active?.cancel(); active = null; pan = true; return; }
    pan = panning() || event.button === 1;
    if (pan || event.button !== 0) return;
    active = tool();
    active?.down(picture.toImage(...place(event)));
  });
  canvas.addEventListener("pointermove", event => {
    const before = fingers.get(event.pointerId), now = place(event);
    if (event.pointerType !== "touch") { picture.pointer = picture.toImage(...now); picture.redraw(); }
    if (!before) return;
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, finger]) => finger);
      const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
      picture.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      picture.zoom(far(now, other) / Math.max(far(before, other), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (pan) picture.pan(now[0] - before[0], now[1] - before[1]);
    else active?.move(picture.toImage(...now));
    fingers.set(event.pointerId, now);
  });
  canvas.addEventListener("contextmenu", event => event.preventDefault());  // of a finger that rests
  canvas.addEventListener("pointerleave", () => { picture.pointer = null; picture.redraw(); });
  const end = event => {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size) return;
    if (!pan) event.type === "pointerup" ? active?.up(picture.toImage(...place(event))) : active?.cancel();
    active = null;
    pan = false;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    picture.zoom(Math.exp(-event.deltaY / 400), ...place(event));
  }, { passive: false });
}

export const DOUBLE_MS = 350, DOUBLE_PX = 16;
let last = { at: -Infinity, x: 0, y: 0 };

/**
 * Whether an event is of the second click of a double click. Browsers count clicks of a mouse (`detail`), but not taps.
 * @param {MouseEvent} event
 */
export function isDoubled(event) {
  const { timeStamp: at, clientX: x, clientY: y, detail } = event;
  const tapped = /** @type {PointerEvent} */ (event).pointerType !== "mouse";
  const near = tapped && at - last.at < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < DOUBLE_PX;
  last = { at, x, y };
  return detail > 1 || near;
}

/** The index of the place that is nearest to another one; -1 where all are farther than a reach.
 * @param {number[][]} places @param {number[]} where @param {number} reach */
export function nearest(places, where, reach) {
  const far = places.map(([x, y]) => Math.hypot(x - where[0], y - where[1])), least = Math.min(...far);
  return least < reach ? far.indexOf(least) : -1;
}

/**
 * Which sides of a box a place takes hold of: [x side, y side] of 0 (none), -1 and 1; null when outside of it.
 * @param {number[]} box
 * @param {[number, number]} at
 * @param {number} scale
 */
export function sidesAt(box, at, scale) {
  const reach = HANDLE / scale, [x0, y0, x1, y1] = box, [x, y] = at;
  if (x < x0 - reach || x > x1 + reach || y < y0 - reach || y > y1 + reach) return null;
  const side = (value, low, high) => {
    const before = Math.abs(value - low), after = Math.abs(value - high);
    return Math.min(before, after) > reach ? 0 : before < after ? -1 : 1;
  };
  return [side(x, x0, x1), side(y, y0, y1)];
}

/** A box with its sides moved. @param {number[]} box @param {number[]} sides @param {number} dx @param {number} dy */
export function movedBox(box, sides, dx, dy, width, height) {
  let [x0, y0, x1, y1] = box;
  if (sides[0] === 0 && sides[1] === 0) { x0 += dx; x1 += dx; y0 += dy; y1 += dy; }
  if (sides[0] < 0) x0 += dx;
  if (sides[0] > 0) x1 += dx;
  if (sides[1] < 0) y0 += dy;
  if (sides[1] > 0) y1 += dy;
  return cleanBox([x0, y0, x1, y1], width, height);
}

/** Corners in order, inside of the image. */
export function cleanBox([x0, y0, x1, y1], width, height) {
  const inside = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
  return [inside(Math.min(x0, x1), width), inside(Math.min(y0, y1), height), inside(Math.max(x0, x1), width),
    inside(Math.max(y0, y1), height)];
}
