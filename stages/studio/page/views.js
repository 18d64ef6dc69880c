// The six views of the part that is asked: one click on them is the answer. They can be zoomed and moved like the image.
"use strict";
import { Picture } from "./picture.js";
import { listen } from "./pointers.js";
import { picture as loadPicture } from "./server.js";
import { work } from "./state.js";

/** Where views see an answer; without a colour and a label it is numbered. */
/** @typedef {{places: [number, number, number][], colour?: string, label?: string, proposed?: boolean}} Mark */

const COLUMNS = 3, ROWS = 2;
/** Pixels of the screen: letters, marks, the chosen mark, and the movement that makes a drag of a click. */
const LETTERS = 12, MARK = 3.5, CHOSEN = 7, DRAG = 5;

const canvas = document.createElement("canvas");
canvas.id = "viewcanvas";
export const views = new Picture(canvas);
views.margin = 1;

/** What the views show now. */
const shown = {
  part: 0, side: 360, chosen: -1,
  names: /** @type {string[]} */ ([]), points: /** @type {Mark[]} */ ([]), guess: /** @type {[number, number, number][]} */ ([]),
};

/** @type {Map<number, Promise<ImageBitmap>>} */
const pictures = new Map();

/** Load a part's views before they are needed. @param {number} part */
export function loadViews(part) {
  if (!pictures.has(part)) {
    const loading = loadPicture(`/views/${part}`);
    loading.catch(() => pictures.delete(part));
    pictures.set(part, loading);
  }
  return /** @type {Promise<ImageBitmap>} */ (pictures.get(part));
}

/** Whether the pointer that is down has moved the views: it answers nothing. */
let dragged = false;
const from = /** @type {[number, number]} */ ([0, 0]);
/** @type {import("./pointers.js").Tool} */
const mover = {
  down(where) { dragged = false; Object.assign(from, where); },
  move(where) {
    const dx = (where[0] - from[0]) * views.scale, dy = (where[1] - from[1]) * views.scale;
    if (!dragged && Math.hypot(dx, dy) < DRAG) return;
    dragged = true;
    views.pan(dx, dy);
  },
  up() {}, cancel() {},
};
listen(views, () => mover, () => work.space);

/** The canvas of the views in its frame. @param {(event: MouseEvent) => void} clicked @param {boolean} busy */
export function viewsFrame(clicked, busy) {
  canvas.onclick = event => { if (!dragged && !work.space) clicked(event); };
  canvas.className = busy ? "busy" : "";
  return canvas;
}

/**
 * Draw the views with the answers that they see; the point that is asked is larger.
 * @param {number} part
 * @param {number} side pixels of a view
 * @param {string[]} names
 * @param {Mark[]} points
 * @param {number} chosen
 * @param {[number, number, number][]} guess where the network sees the point that is asked; drawn faintly
 */
export async function drawViews(part, side, names, points, chosen, guess) {
  canvas.dataset.wanted = String(part);
  const image = await loadViews(part);
  if (canvas.dataset.wanted !== String(part)) return;
  const other = shown.part !== part;
  Object.assign(shown, { part, side, names, points, chosen, guess });
  if (other) {
    views.whole = [0, 0, COLUMNS * side, ROWS * side];
    views.show(views.whole);
    await views.setImage(image);
  }
  views.redraw();
}

/** Where a place of a view is in the picture of all views. @param {number} view */
const onSheet = (view, x, y) => [view % COLUMNS * shown.side + x, Math.floor(view / COLUMNS) * shown.side + y];

views.over = context => {
  const px = 1 / views.scale, { side, names, points, chosen, guess } = shown;
  context.font = `${LETTERS * px}px system-ui, sans-serif`;
  context.textBaseline = "alphabetic";
  context.fillStyle = "#444";
  names.forEach((name, view) => {
    const [x, y] = onSheet(view, 0, 0);
    context.fillText(name, x + 6 * px, y + (LETTERS + 3) * px);
  });
  context.strokeStyle = "#bbb";
  context.lineWidth = px;
  for (const x of [side, 2 * side]) context.strokeRect(x, -1, 0, 2 * side + 2);
  context.strokeRect(-1, side, 3 * side + 2, 0);
  points.forEach((point, index) => drawMark(context, point, index, index === chosen, px));
  context.globalAlpha = 0.45;
  context.fillStyle = "#b12ad1";
  for (const [view, x, y] of guess) {
    context.beginPath();
    context.arc(...place(view, x, y), 10 * px, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  canvas.dataset.part = String(shown.part);
};

/** @returns {[number, number]} */
const place = (view, x, y) => /** @type {[number, number]} */ (onSheet(view, x, y));

/** @param {CanvasRenderingContext2D} context @param {Mark} point @param {number} index @param {boolean} chosen @param {number} px */
function drawMark(context, point, index, chosen, px) {
  const colour = point.colour || (chosen ? "#ff8f3a" : "#1667c9");
  for (const [view, x, y] of point.places) {
    const [at_x, at_y] = place(view, x, y);
    context.beginPath();
    context.arc(at_x, at_y, (chosen || point.colour ? CHOSEN : MARK) * px, 0, 2 * Math.PI);
    context.fillStyle = point.proposed ? "#fff" : colour;
    context.fill();
    context.strokeStyle = point.proposed ? colour : "#fff";
    context.lineWidth = 1.5 * px;
    context.stroke();
    const label = point.label || String(index + 1);
    context.strokeStyle = "#fffc";
    context.lineWidth = 3 * px;
    context.strokeText(label, at_x + 6 * px, at_y - 3 * px);
    context.fillStyle = "#222";
    context.fillText(label, at_x + 6 * px, at_y - 3 * px);
  }
}

/** The view under a pointer, and the place in it. @param {MouseEvent} event */
export function clickInView(event) {
  const frame = canvas.getBoundingClientRect(), { side } = shown;
  const [x, y] = views.toImage(event.clientX - frame.left, event.clientY - frame.top);
  const column = Math.min(Math.max(Math.floor(x / side), 0), COLUMNS - 1), row = Math.min(Math.max(Math.floor(y / side), 0), ROWS - 1);
  const inside = (value, first) => Math.min(Math.max(value - first * side, 0), side);
  return { view: COLUMNS * row + column, click: [inside(x, column), inside(y, row)] };
}
