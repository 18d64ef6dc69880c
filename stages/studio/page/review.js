// The review: where the annotators of an image disagree, whose answer stands, and what goes back to them.
"use strict";
import { layerOf, levelOf, partMap } from "./map_pictures.js";
import { unpacked } from "./masks.js";
import { act, message } from "./messages.js";
import { isDoubled } from "./pointers.js";
import { at, button, element, gate, numbers, OUTLINE, person, picture, row, show, trouble, work } from "./state.js";
import { clickInView, drawViews, loadViews, viewsFrame } from "./views.js";
import { JOINTS } from "./words.js";

/** Colours of the first annotators; further ones share the last. */
const COLOURS = ["#4aa8ff", "#ffb02e", "#6fe08a", "#ff7ac8"];
const OWN = "#ffffff";

/** The annotators' colours, by their names. */
const colourOf = name => COLOURS[Math.min(work.found.annotators.indexOf(name), COLOURS.length - 1)];

const items = () => work.found.items.filter(one => numbers().includes(one.person));
const chosen = () => items()[work.item];
/** Whose answer stands about an item: a name, "" for the reviewer's own; undefined while it is open. */
const standing = one => work.sheet?.people[one.person].decided[one.item];

/** @param {string} item its kind and its numbers */
function words(item) {
  const [kind, ...rest] = item.split(" ");
  return { kind, part: Number(rest[0] || 0), number: Number(rest[1] || 0) };
}

function nameOf(item) {
  const { kind, part, number } = words(item);
  if (kind === "joint") return JOINTS[part];
  if (kind === "part") return work.parts[part - 1].name;
  if (kind === "point") return `${work.parts[part - 1].name}, point ${number + 1}`;
  return { person: "the person", kind: "what it is", box: "box", outline: "visible outline" }[kind] || kind;
}

/** What was found in an image, with its maps unpacked. */
export async function setFound(found) {
  for (const one of found.items) {
    for (const answer of Object.values(one.answers)) if (answer.map?.packed) answer.map = await unpacked(answer.map);
  }
  work.found = found;
  work.item = 0;
  choose(Math.max(items().findIndex(one => standing(one) === undefined), 0));
}

/** @param {number} index */
function choose(index) {
  work.item = index;
  const one = chosen();
  if (one) {
    work.person = one.person;
    const { kind, part } = words(one.item);
    if (kind === "part" || kind === "point") work.part = part;
    if (kind === "outline") work.part = OUTLINE;
    if (kind === "joint") work.joint = part;
  }
  const now = person();
  if (now) picture.show(now.box);
  show();
}

function step(by) {
  if (items().length) choose((work.item + by + items().length) % items().length);
}

/** The next item that is not decided; else it stays. */
function next() {
  const all = items(), order = all.map((_, index) => (work.item + 1 + index) % all.length);
  const open = order.find(index => standing(all[index]) === undefined);
  if (open !== undefined) choose(open); else show();
}

/** One decision at a time: what is pressed before the next item is there is ignored. */
const decided = gate();

/** @param {string} choice an annotator */
const take = (choice, item = chosen()?.item, of = chosen()?.person) => decided.run(async () => {
  if (!choice || !item) return;
  if (await message("/decide", { person: of, item, choice })) next();
});

function clickView(event) {
  if (isDoubled(event)) return;
  void decided.run(async () => {
    const one = chosen(), { part, number } = words(one.item);
    const { view, click } = clickInView(event);
    if (await message("/click", { person: one.person, part, number, view, click, hint: false })) next();
  });
}

/** @param {string} verdict */
const answer = verdict => decided.run(async () => {
  const one = chosen();
  if (!one || words(one.item).kind !== "point") return;
  const { part, number } = words(one.item);
  if (await act({ do: "answer", person: one.person, part, number, verdict })) next();
});

/** @type {import("./pointers.js").Tool} */
const tool = {
  down() {}, move() {}, cancel() {},
  up(where) {
    const one = chosen();
    if (!one || words(one.item).kind !== "joint" || !work.image) return;
    const [x, y] = where, joint = words(one.item).part;
    if (x < 0 || y < 0 || x >= work.image.width || y >= work.image.height) return;
    void decided.run(async () => {
      if (await act({ do: "keypoint", person: one.person, joint, x, y, visibility: 2 })) next();
    });
  },
};

/** Draw a part in an annotator's colour. @param {CanvasRenderingContext2D} over */
function drawTinted(over, map, part, colour) {
  const shape = partMap(map, part);
  if (!shape) return;
  const { canvas, level, column, row } = layerOf(shape, levelOf(picture.scale)), cell = 2 ** level;
  const made = new OffscreenCanvas(canvas.width, canvas.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (made.getContext("2d"));
  context.drawImage(canvas, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, made.width, made.height);
  over.imageSmoothingEnabled = false;
  over.drawImage(made, column * cell, row * cell, made.width * cell, made.height * cell);
}

/** @param {CanvasRenderingContext2D} context */
function draw(context) {
  for (const number of numbers()) {
    const box = work.sheet?.people[number].box || [];
    picture.box(box, "#98a0ad", false, number !== work.person);
    picture.label(String(numbers().indexOf(number) + 1), box[0], box[1], "#98a0ad");
  }
  const one = chosen();
  if (!one) return;
  const { kind, part, number } = words(one.item);
  Object.entries(one.answers).forEach(([name, found], index) => {
    const colour = colourOf(name);
    if (found.box) {
      picture.box(found.box, colour, false);
      picture.label(name, found.box[0], found.box[3] - 14 * index / picture.scale, colour);
    }
    if (found.map) {
      context.globalAlpha = 0.7;
      drawTinted(context, found.map, kind === "part" ? part : 1, colour);
      context.globalAlpha = 1;
    }
    if (found.joint && found.joint[2]) {
      picture.point(found.joint[0], found.joint[1], colour, 6, found.joint[2] === 1);
      picture.label(name, found.joint[0] + 8 / picture.scale, found.joint[1] - 14 * index / picture.scale, colour);
    }
  });
  const own = person();
  if (kind === "joint" && own?.keypoints[part]?.[2]) picture.point(own.keypoints[part][0], own.keypoints[part][1], OWN, 9, true);
  const asked = kind === "point" ? own?.asked[part]?.[number] : null;
  if (asked) picture.point(asked.x + 0.5, asked.y + 0.5, "#ff8f3a", 11, true);
}

function list() {
  return row(items().map((one, index) => {
    const made = button(`${numbers().indexOf(one.person) + 1} · ${nameOf(one.item)}`, () => choose(index), index === work.item);
    const stands = standing(one);
    made.append(element("span", stands === undefined ? one.what : `✓ ${stands || "your own"}`, "state"));
    return made;
  }), "found");
}

/** The six views with all answers about the chosen point; a click on them is a new answer. */
function views(one) {
  const { part, number } = words(one.item), table = work.parts[part - 1];
  const frame = row([viewsFrame(clickView, Boolean(decided.busy()))], "views");
  const marks = Object.entries(one.answers).map(([name, found]) => (
    { places: found.point.places, colour: colourOf(name), label: name }));
  const own = person()?.asked[part]?.[number];
  if (standing(one) === "" && own) marks.push({ places: own.places, colour: OWN, label: "you" });
  loadViews(part).then(() => drawViews(part, work.side, table.views, marks, -1, [])).catch(error => trouble(error.message));
  return frame;
}

const HOW = {
  point: "Take an answer, or click the right place on a view.", joint: "Take an answer, or click the right place on the image.",
  part: "Take an answer, or paint the part right in step 2.", outline: "Take an answer, or paint it right in step 2.",
  box: "Take an answer, or drag the box right in step 1.", kind: "Take an answer, or change it in step 1.",
  person: "Keep the person, or mark it as not a person in step 1.",
};

function decisions(one) {
  const point = words(one.item).kind === "point";
  const hidden = point ? [button("hidden (H)", () => answer("hidden")), button("skip (S)", () => answer("skipped"))] : [];
  const verdict = name => ({ hidden: " · hidden", skipped: " · skipped" }[one.answers[name].point?.verdict] || "");
  return row([element("small", HOW[words(one.item).kind]), document.createElement("br"),
    ...Object.keys(one.answers).map((name, index) => {
      const made = button(`${name}${verdict(name)} (${index + 1})`, () => take(name), standing(one) === name, "take");
      made.style.borderLeft = `6px solid ${colourOf(name)}`;
      return made;
    }), ...hidden], "choices");
}

function panel() {
  if (!work.found) return [];
  const one = chosen(), mine = person(), sources = mine?.sources || [];
  const left = items().filter(found => standing(found) === undefined).length;
  const none = "Nothing looks wrong. Look at the person, then finish (F), correct it in steps 1 to 4, or send it back (R).";
  const some = `${left} of ${items().length} are open; where you decide nothing, ${work.found.annotators[0]}'s answer stands.`;
  const all = name => button(`all of ${name}`, () => take(name, "person", work.person));
  const whole = sources.length > 1 ? sources.map(([name]) => all(name)) : [];
  const back = sources.length ? [button("send this person back (R)", sendBack, false, "sendback")] : [];
  const notes = (mine?.notes || []).map(note => element("p", `sent back to ${note.annotator}: ${note.note}`));
  return [...(one && words(one.item).kind === "point" ? [views(one)] : []), ...(one ? [decisions(one)] : []),
    element("small", one ? some : none), list(),
    row([`person ${numbers().indexOf(work.person) + 1}: `, ...whole, ...back]), ...notes];
}

/** Ask for the annotator and the note. */
function sendBack() {
  const one = chosen(), mine = person();
  if (!mine) return trouble("choose a person first");
  at("backto").replaceChildren(...mine.sources.map(([name]) => element("option", name)));
  at("note").value = one && one.person === work.person ? `${nameOf(one.item)}: ${one.what}` : "";
  at("sendback").showModal();
  at("note").select();
}

/** The dialog is closed: send what was written. */
export async function sentBack() {
  if (at("sendback").returnValue !== "send") return;
  await message("/send_back", { person: work.person, annotator: at("backto").value, note: at("note").value });
}

/** What is not decided yet, as sentences. */
export function leftToDecide() {
  const open = items().filter(one => standing(one) === undefined).length;
  return open ? [`${open} of ${items().length} are not decided: there ${work.found.annotators[0]}'s answer stands.`] : [];
}

/** @type {Record<string, () => any>} */
const digits = Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map(digit => (
  [String(digit), () => take(Object.keys(chosen()?.answers || {})[digit - 1])])));

export const review = {
  tool: () => tool, draw, panel,
  keys: { ...digits, enter: () => step(1), backspace: () => step(-1), arrowdown: () => step(1), arrowup: () => step(-1),
    h: () => answer("hidden"), s: () => answer("skipped"), r: sendBack },
};
