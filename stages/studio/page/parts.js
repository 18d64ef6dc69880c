// The second stage: the 14 parts, and the visible outline, are painted.
"use strict";
import { COLOURS, drawMap, drawPart, repaint } from "./map_pictures.js";
import { counted, hasPart, maskOf, maskOfPart, paintedMap, shapeOfPath } from "./masks.js";
import { act, actTogether, message, proposeAgain, readSheet, timesRedrawn } from "./messages.js";
import { grabbed, inserted, moved, without } from "./polygons.js";
import { at, button, element, gate, OUTLINE, person, picture, proposal, row, show, sidedName, slider, trouble, work } from "./state.js";
import { setPart } from "./steps.js";

/** @typedef {import("./state.js").Place} Place */

/** The action that accepts the proposal of a part or of the outline; null where there is none. @param {number} part */
function accepting(part) {
  const found = proposal();
  if (part === OUTLINE) return found?.outline ? { do: "outline", person: work.person, mask: found.outline, origin: "proposed" } : null;
  const mask = found?.map && maskOfPart(found.map, part);
  return mask ? { do: "paint", person: work.person, part, mask, origin: "proposed" } : null;
}

const accepted = gate();
/** @param {number[]} parts */
const accept = parts => accepted.run(async () => {
  const found = parts.map(accepting).filter(one => one !== null);
  if (!found.length) return trouble("the network proposes nothing here");
  await actTogether(found);
});

const everything = () => [...work.parts.map(one => one.part), OUTLINE];

/** The outline becomes all that is painted. */
async function outlineFromParts() {
  const map = work.maps[work.person];
  const whole = map && counted({ ...map, label: map.label.map(part => (part ? OUTLINE : 0)) });
  const mask = whole && maskOfPart(whole, OUTLINE);
  if (!mask) return trouble("paint the parts first");
  await actTogether([{ do: "outline", person: work.person, mask }]);
}

/** Whether the outline is as proposed though parts were corrected. */
function outlineLeft() {
  const one = person(), map = work.maps[work.person], offered = proposal()?.map || null;
  if (!one || !map || !one.proposed.includes("outline")) return false;
  return work.parts.some(({ part }) => (hasPart(map, part) || hasPart(offered, part)) && !one.proposed.includes(`part ${part}`));
}

/** The picture with the stroke is on the screen: what takes longer than a stroke begins then. In a hidden page nobody waits for it. */
const drawn = () => new Promise(done => {
  requestAnimationFrame(() => setTimeout(done, 0));
  setTimeout(done, 100);
});

/** Paint a stroke or a polygon: on the page at once; the server hears of it. @param {Place[]} path @param {number|null} radius */
async function paint(path, radius) {
  const one = work.person;
  const shape = work.image && shapeOfPath(path, radius, work.image.width, work.image.height);
  if (!shape || !person()) return;
  const outline = work.part === OUTLINE, maps = outline ? work.outlines : work.maps;
  const known = maps[one], part = work.erase ? 0 : work.part, before = timesRedrawn();
  const map = paintedMap(known, shape, part);
  repaint(known, map, shape, picture.scale);
  maps[one] = map;
  picture.redraw();
  if (outline && !hasPart(map, OUTLINE)) return refused("an outline cannot be empty: undo instead");
  const whole = outline ? { ...map, label: map.label.slice() } : null;
  const done = await message("/act", async () => {
    await drawn();
    const action = whole ? { do: "outline", person: one, mask: maskOfPart(whole, OUTLINE) }
      : { do: "paint", person: one, part, mask: maskOf(shape) };
    // The server need not send the map back, unless an undo before this stroke has brought another one.
    return { action, painted: timesRedrawn() === before };
  });
  if (!done) await refused(`the stroke was refused: ${at("trouble").textContent}`);
}

/** Show again what the server has. @param {string} why */
async function refused(why) {
  await readSheet();
  trouble(why);
}

/** @type {import("./pointers.js").Tool} */
const brush = {
  down(where) { work.path = [where]; picture.redraw(); },
  move(where) { work.path?.push(where); picture.redraw(); },
  up() { const path = work.path; work.path = null; if (path) void paint(path, work.radius); },
  cancel() { work.path = null; picture.redraw(); },
};

/** @type {import("./pointers.js").Tool} */
const polygon = {
  /** Takes hold of a corner of the polygon that was painted last, or of a side, where a new corner begins. */
  down(where) {
    const done = work.path ? null : work.polygonDone, found = done && grabbed(done.path, where, picture.scale / picture.reach);
    if (!found) return;
    const path = found.corner ? done.path : inserted(done.path, found.index, where);
    work.drag = { from: where, at: path[found.index], index: found.index, path, changed: !found.corner };
    picture.redraw();
  },
  move(where) {
    const { drag } = work, dx = drag && where[0] - drag.from[0], dy = drag && where[1] - drag.from[1];
    if (!drag || (!drag.changed && Math.hypot(dx, dy) * picture.scale < 3 * picture.reach)) return;
    Object.assign(drag, { changed: true, path: moved(drag.path, drag.index, [drag.at[0] + dx, drag.at[1] + dy]) });
    picture.redraw();
  },
  // A corner is set when the finger is lifted: two fingers that zoom set none.
  up(where) {
    const { drag } = work;
    work.drag = null;
    if (drag) return drag.changed ? void replacePolygon(drag.path, drag.index) : chooseCorner(drag.index);
    const path = work.path ??= [], first = path[0], reach = 12 * picture.reach / picture.scale;
    work.polygonDone = null;
    const last = path[path.length - 1];
    if (last && Math.hypot(where[0] - last[0], where[1] - last[1]) * picture.scale < 2) return;
    if (path.length > 2 && Math.hypot(where[0] - first[0], where[1] - first[1]) < reach) return closePolygon();
    path.push(where);
    show();
  },
  cancel() { work.drag = null; picture.redraw(); },
};

function lastCorner() {
  work.path?.pop();
  if (!work.path?.length) work.path = null;
  show();
}

/** Take back the last corner of the polygon that is being drawn, if there is one. */
function takeBack() {
  if (!work.path || !work.polygon) return false;
  lastCorner();
  return true;
}

function closePolygon() {
  const path = work.path;
  work.path = null;
  if (path && path.length > 2) void paintPolygon(path, 0);
  show();
}

/** Paint a polygon whose corners can then be moved, until something else is done. @param {Place[]} path @param {number} chosen */
async function paintPolygon(path, chosen) {
  const painted = paint(path, null), done = { path, chosen, person: work.person, undo: 0, painted };
  work.polygonDone = done;
  await painted;
  done.undo = work.sheet?.undo || 0;
}

const replaced = gate();
/** The polygon that was painted last, with other corners: it is undone and painted anew. @param {Place[]} path @param {number} chosen */
const replacePolygon = (path, chosen) => replaced.run(async () => {
  const done = work.polygonDone;
  await done?.painted;
  if (!done || work.polygonDone !== done || done.undo !== work.sheet?.undo || done.person !== work.person) return;
  if (await act("undo")) await paintPolygon(path, chosen);
});

/** @param {number} index */
function chooseCorner(index) {
  if (work.polygonDone) work.polygonDone.chosen = index;
  show();
}

/** While a polygon is drawn its last corner, later the chosen one. */
function deleteCorner() {
  const done = work.polygonDone;
  if (work.path || !done) return lastCorner();
  if (done.path.length < 4) return trouble("a polygon has three corners: undo it instead (Z)");
  void replacePolygon(without(done.path, done.chosen), Math.max(done.chosen - 1, 0));
}

/** Exchange left and right of the chosen part, or of all that is done for the person: parts, points and keypoints. */
export const swapSides = part => act({ do: "swap", person: work.person, part });

function swapPart() {
  const mirrored = work.parts.find(one => one.part === work.part)?.mirrored;
  if (!mirrored || mirrored === work.part) return trouble("this part has no other side");
  return swapSides(work.part);
}

/** @param {CanvasRenderingContext2D} context */
function draw(context) {
  const map = work.maps[work.person], outline = work.outlines[work.person], found = proposal();
  if (work.showProposals && found?.map && !hasPart(map, work.part) && work.part !== OUTLINE) {
    context.globalAlpha = 0.45;
    drawPart(context, found.map, work.part, picture.scale);
  }
  const shown = work.part === OUTLINE ? outline : map;
  context.globalAlpha = work.opacity;
  if (shown) drawMap(context, shown, picture.scale);
  context.globalAlpha = 1;
  if (work.path) picture.stroke(work.path, work.polygon ? null : work.radius, work.erase ? 0 : work.part, work.polygon);
  const done = work.polygonDone, drag = work.drag;
  if (done && work.polygon && !work.path) picture.polygon(drag?.path || done.path, drag ? drag.index : done.chosen);
  if (!work.polygon && picture.pointer) picture.brush(picture.pointer, work.radius);
}

/** Change the brush, and show its size in the middle of the window until the slider is released. @param {number} radius */
function showRadius(radius) {
  const { clientWidth, clientHeight } = picture.canvas;
  work.radius = radius;
  picture.pointer = picture.toImage(clientWidth / 2, clientHeight / 2);
  addEventListener("pointerup", () => { picture.pointer = null; picture.redraw(); }, { once: true });
  picture.redraw();
}

/** The largest radius of the brush: large people have large parts. */
const mostRadius = () => Math.max(80, Math.round(Math.min(work.image?.width || 0, work.image?.height || 0) / 12));

function panel() {
  const map = work.maps[work.person], found = proposal();
  const palette = row([...work.parts, { part: OUTLINE, name: "visible outline (O)" }].map(({ part, name }) => {
    const made = button("", () => setPart(part), part === work.part, `part ${part}`), colour = document.createElement("i");
    colour.style.background = COLOURS[part];
    const has = part === OUTLINE ? Boolean(work.outlines[work.person]) : hasPart(map, part);
    const offered = part === OUTLINE ? found?.outline : hasPart(found?.map || null, part);
    made.append(colour, ...sidedName(name, part === OUTLINE ? "" : `${part} `),
      element("span", has ? "✓" : offered ? "proposed" : "", has ? "state" : "state long"));
    return made;
  }), "palette");
  const choose = polygon => { work.polygon = polygon; work.path = work.polygonDone = null; show(); };
  const tools = row([
    button("accept this one (A)", () => accept([work.part])), button("accept all (Shift A)", () => accept(everything()), false, "accept"),
    button("brush (B)", () => choose(false), !work.polygon), button("polygon (G)", () => choose(true), work.polygon),
    button("erase (E)", () => { work.erase = !work.erase; show(); }, work.erase),
    ...(work.part === OUTLINE || outlineLeft() ? [button("outline = all parts (U)", outlineFromParts)] : []),
    ...(work.polygon && work.path ? [button("close (Enter)", closePolygon, false, "close"), button("corner back (⌫)", lastCorner)] : []),
    ...(work.polygon && work.polygonDone && !work.path ? [button("delete corner (Del)", deleteCorner, false, "corner")] : []),
    button("left ↔ right (L)", swapPart, false, "swap"), button("all sides (Shift L)", () => swapSides(0), false, "swap_all"),
    button("ask again (R)", proposeAgain, false, "again"),
    button("show proposals", () => { work.showProposals = !work.showProposals; show(); }, work.showProposals),
  ]);
  const warning = outlineLeft() ? [element("small", "The parts are corrected, the visible outline is still as proposed.")] : [];
  const sliders = row([slider("brush", 1, mostRadius(), work.radius, showRadius),
    slider("opacity", 0, 100, 100 * work.opacity, value => { work.opacity = value / 100; picture.redraw(); })], "sliders");
  return [palette, tools, ...warning, sliders];
}

export const parts = {
  tool: () => (work.polygon ? polygon : brush), draw, panel,
  keys: {
    a: () => accept([work.part]), A: () => accept(everything()), o: () => setPart(OUTLINE), u: outlineFromParts,
    b: () => { work.polygon = false; work.path = work.polygonDone = null; },
    g: () => { work.polygon = true; work.path = work.polygonDone = null; },
    e: () => { work.erase = !work.erase; work.polygonDone = null; }, r: proposeAgain, l: swapPart, L: () => swapSides(0),
    "[": () => { work.radius = Math.max(1, Math.round(work.radius / 1.25)); },
    "]": () => { work.radius = Math.min(mostRadius(), Math.ceil(work.radius * 1.25)); },
    enter: () => (work.path ? closePolygon() : setPart(work.part % OUTLINE + 1)),
    backspace: deleteCorner, delete: deleteCorner, escape: () => { work.path = work.polygonDone = null; },
  },
  takeBack,
};
