// Masks of pixels: label maps of parts, strokes and polygons, and COCO's compressed run lengths.
"use strict";

/**
 * Labels of pixels row by row, and how many pixels have each label.
 * @typedef {{x: number, y: number, height: number, width: number, label: Uint8Array, counts: Uint32Array}} LabelMap
 */
/** @typedef {{x: number, y: number, size: [number, number], counts: string}} PixelMask */
/** @typedef {{x: number, y: number, height: number, width: number, inside: Uint8Array}} Shape pixels of a rectangle, row by row */

const LABELS = 16;

/** @param {OffscreenCanvas} canvas @param {CanvasRenderingContext2DSettings} [settings] */
export function context2d(canvas, settings) {
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
  return counted({ x, y, height, width, label: value === 1 ? label : label.map(one => one * value) });
}

/** A label map with its counts. @param {Omit<LabelMap, "counts">} map @returns {LabelMap} */
export function counted(map) {
  const counts = new Uint32Array(LABELS);
  for (const one of map.label) counts[one]++;
  return { ...map, counts };
}

/**
 * Compressed run lengths of a mask, column by column, as COCO writes them.
 * @param {Uint8Array} inside pixels row by row; those that are `value` are of the mask
 * @param {number} height
 * @param {number} width
 * @param {number} [value]
 */
export function runLengths(inside, height, width, value = 1) {
  const runs = [];
  let run = 0, now = false;
  for (let column = 0; column < width; column++) {
    for (let at = column; at < inside.length; at += width) {
      if ((inside[at] === value) !== now) { runs.push(run); run = 0; now = !now; }
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
  return some ? { x, y, height, width, inside } : null;
}

/** A shape as the server takes it. @param {Shape} shape @returns {PixelMask} */
export function maskOf({ x, y, height, width, inside }) {
  return { x, y, size: [height, width], counts: runLengths(inside, height, width) };
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
 * The map of one part alone, in the smallest rectangle that holds it; null where there is nothing of it.
 * @param {LabelMap} map
 * @param {number} part
 * @returns {LabelMap|null}
 */
export function mapOfPart(map, part) {
  const { label, width } = map;
  if (!hasPart(map, part)) return null;
  const top = Math.floor(label.indexOf(part) / width), bottom = Math.floor(label.lastIndexOf(part) / width) + 1;
  let left = width, right = 0;
  for (let row = top; row < bottom; row++) {
    const line = label.subarray(row * width, (row + 1) * width), start = line.indexOf(part);
    if (start >= 0) { left = Math.min(left, start); right = Math.max(right, line.lastIndexOf(part) + 1); }
  }
  const found = new Uint8Array((bottom - top) * (right - left));
  for (let row = top, at = 0; row < bottom; row++) {
    for (let column = left; column < right; column++, at++) found[at] = label[row * width + column] === part ? part : 0;
  }
  return counted({ x: map.x + left, y: map.y + top, height: bottom - top, width: right - left, label: found });
}

/**
 * The mask of one part of a label map, in the smallest rectangle that holds the part.
 * @param {LabelMap} map
 * @param {number} part
 * @returns {PixelMask|null}
 */
export function maskOfPart(map, part) {
  const found = mapOfPart(map, part);
  if (!found) return null;
  const { x, y, height, width, label } = found;
  return { x, y, size: [height, width], counts: runLengths(label, height, width, part) };
}

/**
 * The map after the pixels of a shape became a part; 0 erases. A map that holds the shape's rectangle is changed in place.
 * @param {LabelMap|null} map
 * @param {Shape} shape
 * @param {number} part
 * @returns {LabelMap}
 */
export function paintedMap(map, shape, part) {
  const found = withRoom(map, shape), { x, y, height, width } = shape;
  for (let row = 0; row < height; row++) {
    const start = (row + y - found.y) * found.width + x - found.x;
    for (let column = 0; column < width; column++) {
      if (!shape.inside[row * width + column]) continue;
      found.counts[found.label[start + column]]--;
      found.counts[part]++;
      found.label[start + column] = part;
    }
  }
  return found;
}

/**
 * The map itself where it holds the shape's rectangle, else a larger one.
 * @param {LabelMap|null} map @param {Shape} shape @returns {LabelMap}
 */
function withRoom(map, { x, y, height, width }) {
  const x0 = Math.min(x, map ? map.x : x), y0 = Math.min(y, map ? map.y : y);
  const x1 = Math.max(x + width, map ? map.x + map.width : 0), y1 = Math.max(y + height, map ? map.y + map.height : 0);
  if (map && map.width === x1 - x0 && map.height === y1 - y0) return map;
  const label = new Uint8Array((y1 - y0) * (x1 - x0)), counts = map ? map.counts.slice() : new Uint32Array(LABELS);
  counts[0] += label.length - (map ? map.label.length : 0);
  for (let row = 0; map && row < map.height; row++) {
    label.set(map.label.subarray(row * map.width, (row + 1) * map.width), (row + map.y - y0) * (x1 - x0) + map.x - x0);
  }
  return { x: x0, y: y0, height: y1 - y0, width: x1 - x0, label, counts };
}

/** @param {LabelMap|null|undefined} map @param {number} part */
export function hasPart(map, part) { return Boolean(map?.counts[part]); }

/** @param {LabelMap} map @param {number} x @param {number} y */
export function partAt(map, x, y) {
  const column = Math.floor(x) - map.x, row = Math.floor(y) - map.y;
  return column >= 0 && row >= 0 && column < map.width && row < map.height ? map.label[row * map.width + column] : 0;
}

/**
 * Whether a part is within some distance of a place.
 * @param {LabelMap} map @param {number[]} parts @param {number} x @param {number} y @param {number} reach in pixels
 */
export function isNear(map, parts, x, y, reach) {
  const x0 = Math.max(Math.floor(x - reach), map.x), x1 = Math.min(Math.ceil(x + reach), map.x + map.width);
  const y0 = Math.max(Math.floor(y - reach), map.y), y1 = Math.min(Math.ceil(y + reach), map.y + map.height);
  for (let row = y0; row < y1; row++) {
    for (let column = x0; column < x1; column++) {
      const near = Math.hypot(column + 0.5 - x, row + 0.5 - y) <= reach;
      if (near && parts.includes(map.label[(row - map.y) * map.width + column - map.x])) return true;
    }
  }
  return false;
}
