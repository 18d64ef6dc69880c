// The second stage: the 14 parts, and the visible outline, are painted.
"use strict";
import { COLOURS, hasPart, maskOfPart, paintedMap, paintedPicture, partPicture, shapeOfPath } from "./masks.js";
import { actTogether, message, pictureOf, pictures, readSheet, timesRedrawn } from "./messages.js";
import { at, button, element, gate, OUTLINE, person, picture, proposal, row, show, slider, trouble, work } from "./state.js";
import { setPart } from "./steps.js";

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
  const whole = map && { ...map, label: map.label.map(part => (part ? 1 : 0)) };
  const mask = whole && maskOfPart(whole, 1);
  if (!mask) return trouble("paint the parts first");
  await actTogether([{ do: "outline", person: work.person, mask }]);
}

/** Whether the outline is as proposed though parts were corrected. */
function outlineLeft() {
  const one = person(), map = work.maps[work.person], offered = proposal()?.map || null;
  if (!one || !map || !one.proposed.includes("outline")) return false;
  return work.parts.some(({ part }) => (hasPart(map, part) || hasPart(offered, part)) && !one.proposed.includes(`part ${part}`));
}

/** @param {[number, number][]} path @param {number|null} radius */
async function paint(path, radius) {
  const one = work.person;
  const shape = work.image && shapeOfPath(path, radius, work.image.width, work.image.height);
  if (!shape || !person()) return;
  const outline = work.part === OUTLINE, maps = outline ? work.outlines : work.maps;
  // Drawn at once; the server need not send the map back, unless it refuses.
  const known = maps[one], part = work.erase ? 0 : work.part, before = timesRedrawn();
  const map = paintedMap(known, shape, part), mask = outline ? maskOfPart(map, OUTLINE) : shape.mask;
  if (!mask) return trouble("an outline cannot be empty: undo instead");
  pictures.set(map, paintedPicture(known ? pictureOf(known) : null, known, map, shape));
  maps[one] = map;
  picture.redraw();
  const action = outline ? { do: "outline", person: one, mask } : { do: "paint", person: one, part, mask };
  // Asked when it is sent: an undo before it may have brought another map.
  const done = await message("/act", { action, get painted() { return timesRedrawn() === before; } });
  if (done) return;
  const why = at("trouble").textContent;
  await readSheet();
  trouble(`the stroke was refused: ${why}`);
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
  // A corner is set when the finger is lifted: two fingers that zoom set none.
  up(where) {
    const path = work.path ??= [], first = path[0], reach = 12 * picture.reach / picture.scale;
    const last = path[path.length - 1];
    if (last && Math.hypot(where[0] - last[0], where[1] - last[1]) * picture.scale < 2) return;
    if (path.length > 2 && Math.hypot(where[0] - first[0], where[1] - first[1]) < reach) return closePolygon();
    path.push(where);
    show();
  },
  down() {}, move() {}, cancel() {},
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
  if (path && path.length > 2) void paint(path, null);
  show();
}

/** @param {CanvasRenderingContext2D} context */
function draw(context) {
  const map = work.maps[work.person], outline = work.outlines[work.person], found = proposal();
  context.imageSmoothingEnabled = false;
  if (work.showProposals && found?.map && !hasPart(map, work.part) && work.part !== OUTLINE) {
    const faint = partPicture(found.map, work.part);
    context.globalAlpha = 0.25;
    if (faint) context.drawImage(faint, found.map.x, found.map.y);
  }
  const shown = work.part === OUTLINE ? outline : map;
  context.globalAlpha = work.opacity;
  if (shown) context.drawImage(pictureOf(shown), shown.x, shown.y);
  context.globalAlpha = 1;
  if (work.path) picture.stroke(work.path, work.polygon ? null : work.radius, work.erase ? 0 : work.part, work.polygon);
}

function panel() {
  const map = work.maps[work.person], found = proposal();
  const palette = row([...work.parts, { part: OUTLINE, name: "visible outline (O)" }].map(({ part, name }) => {
    const made = button("", () => setPart(part), part === work.part, `part ${part}`), colour = document.createElement("i");
    colour.style.background = COLOURS[part];
    const has = part === OUTLINE ? Boolean(work.outlines[work.person]) : hasPart(map, part);
    const offered = part === OUTLINE ? found?.outline : hasPart(found?.map || null, part);
    made.append(colour, part === OUTLINE ? name : `${part} ${name}`, element("span", has ? "✓" : offered ? "proposed" : "", "state"));
    return made;
  }), "palette");
  const choose = polygon => { work.polygon = polygon; work.path = null; show(); };
  const tools = row([
    button("accept this one (A)", () => accept([work.part])), button("accept all (Shift A)", () => accept(everything()), false, "accept"),
    button("brush (B)", () => choose(false), !work.polygon), button("polygon (G)", () => choose(true), work.polygon),
    button("erase (E)", () => { work.erase = !work.erase; show(); }, work.erase),
    ...(work.part === OUTLINE || outlineLeft() ? [button("outline = all parts (U)", outlineFromParts)] : []),
    ...(work.polygon && work.path ? [button("close (Enter)", closePolygon, false, "close"), button("corner back (⌫)", lastCorner)] : []),
    button("show proposals", () => { work.showProposals = !work.showProposals; show(); }, work.showProposals),
  ]);
  const warning = outlineLeft() ? [element("small", "The parts are corrected, the visible outline is still as proposed.")] : [];
  return [palette, tools, ...warning, slider("brush", 1, 80, work.radius, value => { work.radius = value; }),
    slider("opacity", 0, 100, 100 * work.opacity, value => { work.opacity = value / 100; picture.redraw(); })];
}

export const parts = {
  tool: () => (work.polygon ? polygon : brush), draw, panel,
  keys: {
    a: () => accept([work.part]), A: () => accept(everything()), o: () => setPart(OUTLINE), u: outlineFromParts,
    b: () => { work.polygon = false; work.path = null; }, g: () => { work.polygon = true; work.path = null; },
    e: () => { work.erase = !work.erase; },
    "[": () => { work.radius = Math.max(1, Math.round(work.radius / 1.25)); },
    "]": () => { work.radius = Math.min(80, Math.ceil(work.radius * 1.25)); },
    enter: () => (work.path ? closePolygon() : setPart(work.part % OUTLINE + 1)),
    backspace: lastCorner, escape: () => { work.path = null; },
  },
  takeBack,
};
