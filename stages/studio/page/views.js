// The six views of the part that is asked: one click on them is the answer.
"use strict";
import { picture } from "./server.js";

/** Where views see an answer; without a colour and a label it is numbered. */
/** @typedef {{places: [number, number, number][], colour?: string, label?: string}} Mark */

/** @type {Map<number, Promise<ImageBitmap>>} */
const pictures = new Map();

/** Load a part's views before they are needed. @param {number} part */
export function loadViews(part) {
  if (!pictures.has(part)) {
    const loading = picture(`/views/${part}`);
    loading.catch(() => pictures.delete(part));
    pictures.set(part, loading);
  }
  return /** @type {Promise<ImageBitmap>} */ (pictures.get(part));
}

/**
 * Draw the views with the answers that they see; the point that is asked is larger.
 * @param {HTMLCanvasElement} canvas
 * @param {number} part
 * @param {number} side pixels of a view
 * @param {string[]} names
 * @param {Mark[]} points
 * @param {number} chosen
 * @param {[number, number, number][]} guess where the network sees the point that is asked; drawn faintly
 */
export async function drawViews(canvas, part, side, names, points, chosen, guess) {
  canvas.dataset.wanted = String(part);
  const image = await loadViews(part);
  if (canvas.dataset.wanted !== String(part)) return;
  if (canvas.width !== image.width) { canvas.width = image.width; canvas.height = image.height; }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(image, 0, 0);
  context.font = "20px system-ui, sans-serif";
  names.forEach((name, view) => {
    context.fillStyle = "#555";
    context.fillText(name, view % 3 * side + 8, Math.floor(view / 3) * side + 24);
  });
  context.strokeStyle = "#ccc";
  context.lineWidth = 1;
  for (const x of [side, 2 * side]) context.strokeRect(x, -1, 0, 2 * side + 2);
  context.strokeRect(-1, side, 3 * side + 2, 0);
  points.forEach((point, index) => {
    const colour = point.colour || (index === chosen ? "#ff8f3a" : "#1667c9");
    for (const [view, x, y] of point.places) {
      context.beginPath();
      context.arc(view % 3 * side + x, Math.floor(view / 3) * side + y, index === chosen || point.colour ? 9 : 5, 0, 2 * Math.PI);
      context.fillStyle = colour;
      context.fill();
      context.strokeStyle = "#fff";
      context.lineWidth = 2;
      context.stroke();
      context.fillStyle = "#222";
      context.fillText(point.label || String(index + 1), view % 3 * side + x + 10, Math.floor(view / 3) * side + y - 4);
    }
  });
  context.globalAlpha = 0.45;
  context.fillStyle = "#b12ad1";
  for (const [view, x, y] of guess) {
    context.beginPath();
    context.arc(view % 3 * side + x, Math.floor(view / 3) * side + y, 14, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  canvas.dataset.part = String(part);
}

/**
 * The view under a pointer, and the place in it.
 * @param {HTMLCanvasElement} canvas
 * @param {MouseEvent} event
 * @param {number} side
 */
export function clickInView(canvas, event, side) {
  const frame = canvas.getBoundingClientRect();
  const x = (event.clientX - frame.left) * canvas.width / frame.width;
  const y = (event.clientY - frame.top) * canvas.height / frame.height;
  const column = Math.min(Math.max(Math.floor(x / side), 0), 2), row = Math.min(Math.max(Math.floor(y / side), 0), 1);
  const inside = (value, first) => Math.min(Math.max(value - first * side, 0), side);
  return { view: 3 * row + column, click: [inside(x, column), inside(y, row)] };
}
