// Masks of pixels: label maps of parts, strokes and polygons, and COCO's compressed run lengths.
"use strict";

/** @typedef {{x: number, y: number, height: number, width: number, label: Uint8Array}} LabelMap */
/** @typedef {{x: number, y: number, size: [number, number], counts: string}} PixelMask */
/** @typedef {{mask: PixelMask, inside: Uint8Array}} Shape a mask, and its pixels row by row */

/** Colours of the parts 1 … 14 and of the outline, 15. */
export const COLOURS = ["#000000", "#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#46f0f0",
  "#f032e6", "#bcf60c", "#fabebe", "#008080", "#e6beff", "#9a6324", "#fffac8", "#ffffff"];

/** @param {OffscreenCanvas} canvas @param {CanvasRenderingContext2DSettings} [settings] */
function context2d(canvas, settings) {
  return /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", settings));
}

/**
 * A part map as the server sends it, or an outline, whose pixels are 1 and become `value`.
 * @param {any} record
 * @param {number} [value]
 * @returns {Promise<LabelMap|null>}
 */
export async function unpacked(record, value = 1) {
  if (!record) return null;
  const bytes = Uint8Array.from(atob(record.packed), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const label = new Uint8Array(await new Response(stream).arrayBuffer());
  const { x, y, height, width } = record;
  return { x, y, height, width, label: value === 1 ? label : label.map(one => one * value) };
}

/**
 * Compressed run lengths of a mask, column by column, as COCO writes them.
 * @param {(column: number, row: number) => boolean} inside
 * @param {number} height
 * @param {number} width
 */
export function runLengths(inside, height, width) {
  const runs = [];
  let run = 0, value = false;
  for (let column = 0; column < width; column++) {
    for (let row = 0; row < height; row++) {
      if (inside(column, row) !== value) { runs.push(run); run = 0; value = !value; }
      run++;
    }
  }
  runs.push(run);
  let text = "";
  for (let index = 0; index < runs.length; index++) {
    let left = runs[index] - (index > 2 ? runs[index - 2] : 0);
    for (let more = true; more;) {
      const group = left & 31;
      left >>= 5;
      more = group & 16 ? left !== -1 : left !== 0;
      text += String.fromCharCode(48 + (more ? group | 32 : group));
    }
  }
  return text;
}

/**
 * The pixels of a shape that was drawn on a canvas of the mask's size: those of at least half coverage.
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {number} x upper left pixel of the canvas in the image
 * @param {number} y
 * @returns {Shape|null} null when nothing is covered
 */
export function shapeOfCanvas(context, x, y) {
  const { width, height } = context.canvas;
  const data = context.getImageData(0, 0, width, height).data;
  const inside = new Uint8Array(width * height);
  let some = 0;
  for (let at = 0; at < inside.length; at++) some |= inside[at] = data[4 * at + 3] >> 7;
  if (!some) return null;
  const counts = runLengths((c, r) => inside[r * width + c] === 1, height, width);
  return { mask: { x, y, size: [height, width], counts }, inside };
}

/**
 * A stroke of a round brush, or a polygon.
 * @param {[number, number][]} path in pixels of the image
 * @param {number|null} radius of the brush; null = a polygon
 * @param {number} imageWidth
 * @param {number} imageHeight
 * @returns {Shape|null}
 */
export function shapeOfPath(path, radius, imageWidth, imageHeight) {
  const reach = radius === null ? 0 : radius;
  const xs = path.map(at => at[0]), ys = path.map(at => at[1]);
  const x0 = Math.max(0, Math.floor(Math.min(...xs) - reach - 1)), y0 = Math.max(0, Math.floor(Math.min(...ys) - reach - 1));
  const x1 = Math.min(imageWidth, Math.ceil(Math.max(...xs) + reach + 1));
  const y1 = Math.min(imageHeight, Math.ceil(Math.max(...ys) + reach + 1));
  if (x1 <= x0 || y1 <= y0) return null;
  const context = context2d(new OffscreenCanvas(x1 - x0, y1 - y0), { willReadFrequently: true });
  context.translate(-x0, -y0);
  drawPath(context, path, radius);
  return shapeOfCanvas(context, x0, y0);
}

/**
 * @param {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} context
 * @param {[number, number][]} path
 * @param {number|null} radius
 */
export function drawPath(context, path, radius) {
  context.beginPath();
  path.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (radius === null) { context.closePath(); context.fill(); return; }
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = 2 * radius;
  if (path.length === 1) context.lineTo(path[0][0] + 0.01, path[0][1]);
  context.stroke();
}

/**
 * The mask of one part of a label map, in the smallest rectangle that holds the part.
 * @param {LabelMap} map
 * @param {number} part
 * @returns {PixelMask|null}
 */
export function maskOfPart(map, part) {
  const { label, width } = map;
  const first = label.indexOf(part);
  if (first < 0) return null;
  const top = Math.floor(first / width), bottom = Math.floor(label.lastIndexOf(part) / width) + 1;
  let left = width, right = 0;
  for (let row = top; row < bottom; row++) {
    const line = label.subarray(row * width, (row + 1) * width), start = line.indexOf(part);
    if (start >= 0) { left = Math.min(left, start); right = Math.max(right, line.lastIndexOf(part) + 1); }
  }
  const inside = (c, r) => label[(r + top) * width + c + left] === part;
  const size = /** @type {[number, number]} */ ([bottom - top, right - left]);
  return { x: map.x + left, y: map.y + top, size, counts: runLengths(inside, size[0], size[1]) };
}

/**
 * A label map as a picture in the colours of the parts.
 * @param {LabelMap} map
 * @returns {OffscreenCanvas}
 */
export function pictureOfMap(map) {
  const canvas = new OffscreenCanvas(map.width, map.height);
  drawRectangle(canvas, map, 0, 0, map.width, map.height);
  return canvas;
}

/** @type {WeakMap<LabelMap, Record<number, OffscreenCanvas|null>>} */
const partPictures = new WeakMap();

/**
 * A picture of one part alone; null where the map has nothing of it. The map must not change.
 * @param {LabelMap} map
 * @param {number} part
 */
export function partPicture(map, part) {
  const known = partPictures.get(map) || {};
  partPictures.set(map, known);
  if (!(part in known)) {
    const label = map.label.map(one => (one === part ? part : 0));
    known[part] = hasPart(map, part) ? pictureOfMap({ ...map, label }) : null;
  }
  return known[part];
}

/**
 * The picture of a map after a shape was painted: only the shape's rectangle is drawn again.
 * @param {OffscreenCanvas|null} before
 * @param {LabelMap|null} known the map of that picture
 * @param {LabelMap} map
 * @param {Shape} shape
 */
export function paintedPicture(before, known, map, shape) {
  if (!before || !known) return pictureOfMap(map);
  let canvas = before;
  if (before.width !== map.width || before.height !== map.height) {
    canvas = new OffscreenCanvas(map.width, map.height);
    context2d(canvas).drawImage(before, known.x - map.x, known.y - map.y);
  }
  const { x, y, size: [height, width] } = shape.mask;
  drawRectangle(canvas, map, x - map.x, y - map.y, width, height);
  return canvas;
}

/** Colours of the parts as words of a picture: red in the lowest byte. */
const WORDS = COLOURS.map((text, part) => {
  const [r, g, b] = [1, 3, 5].map(at => parseInt(text.slice(at, at + 2), 16));
  return part ? (255 << 24 | b << 16 | g << 8 | r) >>> 0 : 0;
});

function drawRectangle(canvas, map, left, top, width, height) {
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let row = 0; row < height; row++) {
    const start = (row + top) * map.width + left;
    for (let column = 0; column < width; column++) words[row * width + column] = WORDS[map.label[start + column]];
  }
  context2d(canvas).putImageData(image, left, top);
}

/**
 * The map after the pixels of a shape became a part; 0 erases. A map that holds the shape's rectangle is changed in place.
 * @param {LabelMap|null} map
 * @param {Shape} shape
 * @param {number} part
 * @returns {LabelMap}
 */
export function paintedMap(map, shape, part) {
  const { x, y, size: [height, width] } = shape.mask;
  const x0 = Math.min(x, map ? map.x : x), y0 = Math.min(y, map ? map.y : y);
  const x1 = Math.max(x + width, map ? map.x + map.width : 0), y1 = Math.max(y + height, map ? map.y + map.height : 0);
  const holds = map && map.x === x0 && map.y === y0 && map.width === x1 - x0 && map.height === y1 - y0;
  const found = holds ? map : { x: x0, y: y0, height: y1 - y0, width: x1 - x0, label: new Uint8Array((y1 - y0) * (x1 - x0)) };
  if (map && !holds) {
    for (let row = 0; row < map.height; row++) {
      const start = (row + map.y - y0) * found.width + map.x - x0;
      found.label.set(map.label.subarray(row * map.width, (row + 1) * map.width), start);
    }
  }
  for (let row = 0; row < height; row++) {
    const start = (row + y - y0) * found.width + x - x0;
    for (let column = 0; column < width; column++) if (shape.inside[row * width + column]) found.label[start + column] = part;
  }
  return found;
}

/** @param {LabelMap|null|undefined} map @param {number} part */
export function hasPart(map, part) { return Boolean(map && map.label.includes(part)); }

/** @param {LabelMap} map @param {number} x @param {number} y */
export function partAt(map, x, y) {
  const column = Math.floor(x) - map.x, row = Math.floor(y) - map.y;
  return column >= 0 && row >= 0 && column < map.width && row < map.height ? map.label[row * map.width + column] : 0;
}
