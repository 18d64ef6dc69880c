// What the page has in front of it, and the small pieces of which its panels are made.
"use strict";
import { Picture } from "./picture.js";
import { SHORT } from "./words.js";

/** @typedef {import("./masks.js").LabelMap} LabelMap */
/** @typedef {import("./server.js").Person} Person */
/** @typedef {[number, number]} Place x and y */
/** @typedef {"review"|"people"|"parts"|"points"|"keypoints"} Stage */
/** @typedef {{name: string, number: number, width: number, height: number}} Image */
/** @typedef {{part: number, name: string, mirrored: number, views: string[]}} Part */
/**
 * @typedef {{box: number[], score: number, map: LabelMap|null, outline: import("./masks.js").PixelMask|null,
 *   keypoints: Record<string, Place>, turned_away: number[]}} Proposal
 */

/** The number that stands for the visible outline where the page chooses among the parts. */
export const OUTLINE = 15;

/** @param {string} name @returns {any} the element of that id */
export const at = name => document.getElementById(name);

export const picture = new Picture(at("picture"));

export const work = {
  who: "",
  /** @type {Image|null} */
  image: null,
  /** @type {import("./server.js").Sheet|null} */
  sheet: null,
  /** @type {{images: number, finished: number}|null} */
  progress: null,
  /** @type {Part[]} */
  parts: [],
  /** The parts that touch each keypoint. @type {number[][]} */
  joints: [],
  side: 360,
  /** @type {Proposal[]} */
  proposals: [],
  /** What the network proposed for a person's box when it was asked again; by the person. @type {Record<string, Proposal|null>} */
  again: {},
  proposed: false,
  /** @type {Stage} */
  stage: "people",
  /**
   * Of reviewers: what annotators see differently, each with all answers; the chosen one is number `item`.
   * @type {any}
   */
  found: null,
  item: 0,
  /** @type {{reviewer: string, person: number, note: string}[]} */
  notes: [],
  person: 0,
  /** The person whom the window was last fitted to. */
  placed: 0,
  part: 1,
  number: 0,
  /** The asked point that was moved into the window last. */
  revealed: "",
  /** Whether the points of a part are being chosen: none can be answered. */
  asking: false,
  joint: 0,
  erase: false,
  polygon: false,
  radius: 12,
  /** Of parts; their edges are more opaque. */
  opacity: 0.7,
  showProposals: true,
  hint: false,
  preview: true,
  space: false,
  /** @type {Record<string, LabelMap|null>} */
  maps: {},
  /** @type {Record<string, LabelMap|null>} */
  outlines: {},
  /** @type {Place[]|null} */
  path: null,
  /** The polygon that was painted last, as long as its corners can be moved. @type {import("./polygons.js").Polygon|null} */
  polygonDone: null,
  /** @type {any} */
  draft: null,
  /** @type {any} */
  drag: null,
};

/** @returns {Person|undefined} the chosen person */
export const person = () => work.sheet?.people[work.person];
export const asked = () => person()?.asked[work.part] || [];
export const numbers = () => Object.keys(work.sheet?.people || {}).map(Number);
/** @param {string} text */
export const trouble = text => { at("trouble").textContent = text; };

let shown = () => {}, waiting = false;
/** Draw everything anew with the next frame of the screen, once for all that changed until then. */
export function show() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; shown(); });
}
/** @param {() => void} does draws everything anew */
export function whenShown(does) { shown = does; }

/**
 * Lets one thing be done at a time: what is asked for meanwhile is ignored.
 * @returns {{busy: () => boolean, run: (does: () => Promise<any>) => Promise<any>}}
 */
export function gate() {
  /** @type {Promise<any>|null} */
  let running = null;
  return {
    busy: () => running !== null,
    run: does => (running ??= does().finally(() => { running = null; show(); })),
  };
}

/** How far two boxes overlap: intersection over union. @param {number[]} one @param {number[]} other */
export function overlapOf(one, other) {
  const wide = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const high = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const area = box => (box[2] - box[0]) * (box[3] - box[1]);
  return wide > 0 && high > 0 ? wide * high / (area(one) + area(other) - wide * high) : 0;
}

/** The proposal that overlaps the chosen person best, if any does. */
export function proposal() {
  const one = person();
  if (!one) return null;
  const again = work.again[work.person];
  if (again && overlapOf(one.box, again.box) > 0.99) return again;
  const best = work.proposals.map(found => ({ share: overlapOf(one.box, found.box), found })).sort((a, b) => b.share - a.share)[0];
  return best && best.share > 0.4 ? best.found : null;
}

/** A key in brackets, which touch screens do not show. */
const KEY = /( \((?:Shift )?(?:[A-Z?⌫]|Enter|Del)\))/;
/** A text whose keys are elements of their own, and whose name may be shorter on small screens. @param {string} text */
export function captions(text) {
  const [name, ...rest] = text.split(KEY), short = SHORT[name];
  const first = short ? [element("span", name, "long"), element("span", short, "short")] : [name];
  return [...first, ...rest.map(piece => (KEY.test(piece) ? element("span", piece, "key") : piece))];
}

/**
 * @param {string} text
 * @param {() => any} does
 * @param {boolean} [on]
 * @param {string} [name] for tests and styles
 */
export function button(text, does, on = false, name = "") {
  const made = document.createElement("button");
  made.append(...captions(text));
  made.type = "button";
  made.className = on ? "on" : "";
  if (name) made.dataset.name = name;
  made.onclick = () => { does(); at("picture").focus(); };
  return made;
}

/** @param {string} kind @param {string} text @param {string} [style] its class */
export function element(kind, text, style = "") {
  return Object.assign(document.createElement(kind), { textContent: text, className: style });
}

/** A name with a side: in full, after the number of its key, and short for narrow screens. @param {string} name @param {string} [key] */
export function sidedName(name, key = "") {
  const short = name.replace("left ", "L ").replace("right ", "R ").replace("visible ", "").replace(KEY, "");
  return [element("span", key + name, "long"), element("span", short, "short")];
}

/** @param {(Node|string)[]} inside @param {string} [id] */
export function row(inside, id = "") {
  const made = document.createElement("div");
  if (id) made.id = id;
  made.append(...inside);
  return made;
}

/** @param {string} name @param {number} least @param {number} most @param {number} value @param {(value: number) => void} does */
export function slider(name, least, most, value, does) {
  const made = element("label", name, "row"), input = document.createElement("input");
  Object.assign(input, { type: "range", min: least, max: most, value });
  input.oninput = () => does(Number(input.value));
  made.append(input);
  return made;
}
