// The image on the canvas: what part of it is shown, and everything drawn over it.
"use strict";
import { COLOURS } from "./map_pictures.js";
import { drawPath } from "./masks.js";

const SKELETON = [[15, 13], [13, 11], [16, 14], [14, 12], [11, 12], [5, 11], [6, 12], [5, 6], [5, 7], [6, 8], [7, 9],
  [8, 10], [1, 2], [0, 1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6]];
export const HANDLE = 9;

/** The share of the window without its rim: what is asked about is moved into it. */
const INNER = 0.94;

export class Picture {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    /** The size of the window to which place and zoom belong. */
    this.wide = 0;
    this.high = 0;
    /** The rectangle of the image that fills the window, but for a margin. @type {number[]|null} */
    this.fitted = null;
    this.margin = 0.92;
    /** A rectangle that always fills the window at least. @type {number[]|null} */
    this.whole = null;
    /** 1 = as it is. */
    this.brightness = 1;
    /** Whether what is drawn over the image is hidden. */
    this.bare = false;
    /** Where a mouse is over the image. @type {[number, number]|null} */
    this.pointer = null;
    /** @type {ImageBitmap|null} */
    this.image = null;
    /** The image at half the size, a quarter …: a large image is slow to draw where it is shown small. */
    /** @type {ImageBitmap[]} */
    this.smaller = [];
    this.asked = false;
    /** How much further than a mouse's a finger's reach is; the pointer that is down sets it. */
    this.reach = 1;
    new ResizeObserver(() => { this.fitCanvas(); }).observe(canvas);
  }

  fitCanvas() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    this.keepPlace();
    this.redraw();
  }

  /** What fills the window goes on to fill it when the window's size changes; else its middle stays where it is in the image. */
  keepPlace() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === this.wide && height === this.high) return;
    if (this.fitted) return this.show(this.fitted);
    if (this.wide) { this.left += (width - this.wide) / 2; this.top += (height - this.high) / 2; }
    this.wide = width;
    this.high = height;
  }

  /** @param {ImageBitmap|null} image */
  async setImage(image) {
    this.image = image;
    this.smaller = [];
    let width = image ? image.width >> 1 : 0, height = image ? image.height >> 1 : 0;
    for (let last = image; width > 400 && height > 300; width >>= 1, height >>= 1) {
      const options = /** @type {ImageBitmapOptions} */ ({ resizeWidth: width, resizeHeight: height, resizeQuality: "medium" });
      last = await createImageBitmap(/** @type {ImageBitmap} */ (last), options);
      if (this.image !== image) return;
      this.smaller.push(last);
    }
    this.redraw();
  }

  /** The smallest copy of the image that is not shown larger than it is. @param {number} scale in pixels of the screen */
  copyFor(scale) {
    const image = /** @type {ImageBitmap} */ (this.image);
    return this.smaller.findLast(one => one.width >= image.width * scale) || image;
  }

  /** Show a rectangle of the image, with a margin. @param {number[]} box */
  show(box) {
    const [x0, y0, x1, y1] = box, width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    this.wide = width;
    this.high = height;
    this.fitted = box;
    this.scale = this.margin * Math.min(width / (x1 - x0), height / (y1 - y0)) || 1;
    this.left = width / 2 - this.scale * (x0 + x1) / 2;
    this.top = height / 2 - this.scale * (y0 + y1) / 2;
    this.redraw();
  }

  /** Whether a rectangle of the image fills the window. @param {number[]} box */
  shows(box) { return this.fitted !== null && this.fitted.every((side, at) => side === box[at]); }

  /** Move the image so that a place of it is well inside of the window. @param {number} x @param {number} y */
  reveal(x, y) {
    this.keepPlace();
    const dx = this.left + this.scale * x - this.wide / 2, dy = this.top + this.scale * y - this.high / 2;
    const over = (by, side) => Math.sign(by) * Math.max(Math.abs(by) - INNER * side / 2, 0);
    const beside = over(dx, this.wide), above = over(dy, this.high);
    if (beside || above) this.pan(-beside, -above);
  }

  /** Zoom about a place of the canvas. @param {number} factor @param {number} x @param {number} y */
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(Math.max(this.scale * factor, 0.02), 40);
    if (this.whole && scale * (this.whole[2] - this.whole[0]) < this.wide && scale * (this.whole[3] - this.whole[1]) < this.high) {
      return this.show(this.whole);
    }
    this.fitted = null;
    this.left = x - (x - this.left) * scale / this.scale;
    this.top = y - (y - this.top) * scale / this.scale;
    this.scale = scale;
    this.redraw();
  }

  pan(dx, dy) { this.fitted = null; this.left += dx; this.top += dy; this.redraw(); }

  /** From the canvas to pixels of the image. @returns {[number, number]} */
  toImage(x, y) { return [(x - this.left) / this.scale, (y - this.top) / this.scale]; }

  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.paint(); });
  }

  /** What is drawn over the image; the page sets it. @param {CanvasRenderingContext2D} context */
  over(context) { void context; }

  paint() {
    const context = this.context, ratio = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.image) return;
    context.setTransform(ratio * this.scale, 0, 0, ratio * this.scale, ratio * this.left, ratio * this.top);
    context.imageSmoothingEnabled = this.scale < 3;
    context.drawImage(this.copyFor(ratio * this.scale), 0, 0, this.image.width, this.image.height);
    this.light(context);
    if (!this.bare) this.over(context);
    this.canvas.dataset.drawn = String(Number(this.canvas.dataset.drawn || 0) + 1);
  }

  /** Make the image brighter or darker; what is drawn over it later is not. @param {CanvasRenderingContext2D} context */
  light(context) {
    const { brightness, image } = this;
    if (brightness === 1 || !image) return;
    const grey = Math.round(255 * (brightness > 1 ? 1 - 1 / brightness : brightness));
    context.globalCompositeOperation = brightness > 1 ? "color-dodge" : "multiply";
    context.fillStyle = `rgb(${grey},${grey},${grey})`;
    context.fillRect(0, 0, image.width, image.height);
    context.globalCompositeOperation = "source-over";
  }

  /** A box with handles at its corners if it is chosen. */
  box(box, colour, chosen, dashed = false) {
    const context = this.context, [x0, y0, x1, y1] = box, px = 1 / this.scale;
    context.strokeStyle = colour;
    context.lineWidth = (chosen ? 2.5 : 1.5) * px;
    context.setLineDash(dashed ? [6 * px, 4 * px] : []);
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    context.setLineDash([]);
    if (!chosen) return;
    context.fillStyle = colour;
    for (const x of [x0, x1]) for (const y of [y0, y1]) context.fillRect(x - 4 * px, y - 4 * px, 8 * px, 8 * px);
  }

  /** What is being drawn: a brush's stroke, or a polygon with its corners. A stroke of part 0 erases. */
  stroke(path, radius, part, corners) {
    const context = this.context;
    context.globalAlpha = 0.6;
    context.strokeStyle = context.fillStyle = part ? COLOURS[part] : "#ffffff";
    drawPath(context, path, radius);
    context.globalAlpha = 1;
    if (corners) this.corners(path, -1);
  }

  /** The outline of a brush where the pointer is. @param {[number, number]} where @param {number} radius */
  brush([x, y], radius) {
    const context = this.context, px = 1 / this.scale;
    for (const [colour, width] of /** @type {[string, number][]} */ ([["#000000", 3], ["#ffffff", 1.2]])) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.strokeStyle = colour;
      context.lineWidth = width * px;
      context.stroke();
    }
  }

  /** A closed polygon whose corners can be moved. @param {[number, number][]} path @param {number} chosen corner */
  polygon(path, chosen) {
    const context = this.context;
    context.beginPath();
    path.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.5 / this.scale;
    context.stroke();
    this.corners(path, chosen);
  }

  /** Corners of a polygon; the first one of an open polygon closes it. @param {[number, number][]} path @param {number} chosen */
  corners(path, chosen) {
    path.forEach(([x, y], index) => this.point(x, y, index === Math.max(chosen, 0) ? "#ff8f3a" : "#ffffff",
      index === Math.max(chosen, 0) ? 6 * this.reach : 3 * this.reach));
  }

  /** A few letters beside a place. */
  label(text, x, y, colour) {
    const context = this.context, px = 1 / this.scale;
    context.font = `bold ${13 * px}px system-ui, sans-serif`;
    context.textBaseline = "bottom";
    context.lineJoin = "round";
    context.lineWidth = 3 * px;
    context.strokeStyle = "#000c";
    context.strokeText(text, x + 2 * px, y - px);
    context.fillStyle = colour;
    context.fillText(text, x + 2 * px, y - px);
  }

  point(x, y, colour, radius, ring = false) {
    const context = this.context, px = 1 / this.scale;
    context.beginPath();
    context.arc(x, y, radius * px, 0, 2 * Math.PI);
    context.lineWidth = 2 * px;
    context.strokeStyle = ring ? colour : "#000a";
    if (!ring) { context.fillStyle = colour; context.fill(); }
    context.stroke();
  }

  /**
   * Keypoints and their connections: the person's left blue, their right pink; hidden ones are rings.
   * @param {Record<string, number[]>} keypoints
   * @param {number} chosen
   * @param {boolean} faint
   */
  skeleton(keypoints, chosen, faint) {
    const context = this.context;
    context.globalAlpha = faint ? 0.4 : 1;
    context.lineWidth = 2 / this.scale;
    for (const [a, b] of SKELETON) {
      const one = keypoints[a], other = keypoints[b];
      if (!one || !other || !one[2] || !other[2]) continue;
      context.strokeStyle = a % 2 === b % 2 ? sideColour(a) : SIDES[0];
      context.beginPath(); context.moveTo(one[0], one[1]); context.lineTo(other[0], other[1]); context.stroke();
    }
    for (const [joint, [x, y, visibility]] of Object.entries(keypoints)) {
      const colour = sideColour(Number(joint)), radius = Number(joint) === chosen ? 7 : 4.5;
      if (visibility) this.point(x, y, colour, radius, visibility === 1);
    }
    context.globalAlpha = 1;
  }
}

/** Colours of the middle, of the person's left and right. */
const SIDES = ["#f2f2f2", "#58b7ff", "#ff7ac8"];
/** @param {number} joint */
const sideColour = joint => SIDES[joint === 0 ? 0 : joint % 2 ? 1 : 2];
