// Pictures of label maps: each part in its colour, with an edge. They are as fine as the screen shows them, so that the cost of
// drawing a stroke does not grow with the person.
"use strict";
import { context2d, mapOfPart } from "./masks.js";

/** @typedef {import("./masks.js").LabelMap} LabelMap */
/**
 * A picture of a map: each pixel is a cell of 2 ** level × 2 ** level pixels of the image, and has the label of the cell's middle.
 * @typedef {{canvas: OffscreenCanvas, level: number, column: number, row: number}} Layer
 */

/**
 * Colours of the parts 1 … 14 and of the outline, 15. Over skin of any tone each differs from it, and from the others
 * (tests/stages/studio/test_page_colours.py).
 */
export const COLOURS = ["#000000", "#ddbb11", "#ff00ee", "#00ccff", "#110055", "#005511", "#0077ff", "#ff5500", "#00ff00", "#8844ee",
  "#33aa00", "#ff0055", "#ffaaff", "#00ffaa", "#0000ff", "#ffffff"];
/** How opaque a part and its edge are, of 255, where the page draws them fully. */
const INSIDE = 166, EDGE = 255;
const MOST_LEVEL = 6;

/** Colours as words of a picture, red in the lowest byte: of the inside, and of edges. */
const [INSIDES, EDGES] = [INSIDE, EDGE].map(alpha => COLOURS.map((text, part) => {
  const [r, g, b] = [1, 3, 5].map(at => parseInt(text.slice(at, at + 2), 16));
  return part ? (alpha << 24 | b << 16 | g << 8 | r) >>> 0 : 0;
}));

/** Layers of the maps; who changes a map tells it by `repaint`. @type {WeakMap<LabelMap, Map<number, Layer>>} */
const known = new WeakMap();
/** Maps of one part alone. @type {WeakMap<LabelMap, Map<number, LabelMap|null>>} */
const partMaps = new WeakMap();

/** The level whose cells are one to two pixels of the screen wide; 0 where pixels of the image are. @param {number} scale */
export const levelOf = scale => Math.min(Math.max(Math.ceil(Math.log2(1 / scale)), 0), MOST_LEVEL);

/**
 * Draw a map over the image.
 * @param {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} context its unit is a pixel of the image
 * @param {LabelMap} map
 * @param {number} scale pixels of the screen in a pixel of the image
 */
export function drawMap(context, map, scale) {
  const { canvas, level, column, row } = layerOf(map, levelOf(scale)), cell = 2 ** level;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, column * cell, row * cell, canvas.width * cell, canvas.height * cell);
}

/**
 * Draw one part of a map that does not change.
 * @param {CanvasRenderingContext2D} context @param {LabelMap} map @param {number} part @param {number} scale
 */
export function drawPart(context, map, part, scale) {
  const alone = partMap(map, part);
  if (alone) drawMap(context, alone, scale);
}

/** One part of a map that does not change; null where it has nothing of it. @param {LabelMap} map @param {number} part */
export function partMap(map, part) {
  const found = partMaps.get(map) || new Map();
  partMaps.set(map, found);
  if (!found.has(part)) found.set(part, mapOfPart(map, part));
  return /** @type {LabelMap|null} */ (found.get(part));
}

/** @param {LabelMap} map @param {number} level @returns {Layer} */
export function layerOf(map, level) {
  const layers = known.get(map) || new Map();
  known.set(map, layers);
  let layer = layers.get(level);
  if (!layer) {
    layer = emptyLayer(map, level);
    paintCells(layer, map, 0, 0, layer.canvas.width, layer.canvas.height);
    layers.set(level, layer);
  }
  return layer;
}

/** @param {LabelMap} map @param {number} level @returns {Layer} */
function emptyLayer(map, level) {
  const column = map.x >> level, row = map.y >> level;
  const width = (map.x + map.width - 1 >> level) - column + 1, height = (map.y + map.height - 1 >> level) - row + 1;
  return { canvas: new OffscreenCanvas(width, height), level, column, row };
}

/**
 * The picture of a map follows a change: only the changed rectangle is drawn again.
 * @param {LabelMap|null} before the map whose picture is known
 * @param {LabelMap} map the same one, or a larger one, after the change
 * @param {{x: number, y: number, height: number, width: number}} changed
 * @param {number} scale
 */
export function repaint(before, map, changed, scale) {
  const level = levelOf(scale), last = before && known.get(before)?.get(level);
  if (!last) { known.delete(map); return; }
  let layer = last;
  if (map !== before) {
    layer = emptyLayer(map, level);
    context2d(layer.canvas).drawImage(last.canvas, last.column - layer.column, last.row - layer.row);
  }
  const left = Math.max((changed.x >> level) - layer.column - 1, 0), top = Math.max((changed.y >> level) - layer.row - 1, 0);
  const right = Math.min((changed.x + changed.width >> level) - layer.column + 2, layer.canvas.width);
  const bottom = Math.min((changed.y + changed.height >> level) - layer.row + 2, layer.canvas.height);
  paintCells(layer, map, left, top, right - left, bottom - top);
  known.set(map, new Map([[level, layer]]));
}

/** Draw cells of a layer; at an edge the neighbour on one side has another label. @param {Layer} layer @param {LabelMap} map */
function paintCells(layer, map, left, top, width, height) {
  const wide = width + 2, cells = new Uint8Array(wide * (height + 2)), half = 1 << layer.level >> 1;
  for (let row = 0; row < height + 2; row++) {
    const y = (layer.row + top + row - 1 << layer.level) + half - map.y;
    if (y < 0 || y >= map.height) continue;
    for (let column = 0; column < wide; column++) {
      const x = (layer.column + left + column - 1 << layer.level) + half - map.x;
      if (x >= 0 && x < map.width) cells[row * wide + column] = map.label[y * map.width + x];
    }
  }
  const image = new ImageData(width, height), words = new Uint32Array(image.data.buffer);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = (row + 1) * wide + column + 1, part = cells[at];
      const inner = cells[at - 1] === part && cells[at + 1] === part && cells[at - wide] === part && cells[at + wide] === part;
      words[row * width + column] = (inner ? INSIDES : EDGES)[part];
    }
  }
  context2d(layer.canvas).putImageData(image, left, top);
}
