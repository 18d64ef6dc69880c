// Where the annotator is: stage, person, part and point, and what comes next.
"use strict";
import { hasPart, partAt } from "./masks.js";
import { message, takeImage } from "./messages.js";
import { setFound } from "./review.js";
import { REVIEW } from "./server.js";
import { asked, numbers, OUTLINE, person, picture, show, trouble, work } from "./state.js";
import { STAGES } from "./words.js";

/** @typedef {import("./state.js").Stage} Stage */

/** Open an image, the named one or the next: at its points where they are asked already. @param {string} [name] */
export async function take(name) {
  if (!await takeImage(name)) return show();
  if (work.found) await setFound(work.found);
  if (work.notes[0]?.person) work.person = work.notes[0].person;
  setStage(REVIEW ? "review" : Object.keys(person()?.asked || {}).length ? "points" : "people");
  show();
}

/** @param {Stage} stage */
export function setStage(stage) {
  const one = person();
  if (stage !== "people" && stage !== "review" && !one) return trouble("draw the person's box first");
  work.stage = document.body.dataset.stage = stage;
  work.draft = work.path = work.polygonDone = null;
  work.revealed = "";
  // Zoom and place are kept between steps; another person is looked for.
  if (stage !== "people" && one && work.placed !== work.person) fitPerson();
  const painted = paintedParts();
  if (stage === "points" && (!painted.includes(work.part) || isDone(work.part))) {
    work.part = painted.find(part => !isDone(part)) || painted[0] || 1;
  }
  setPart(work.part);
}

/** Show the chosen person as large as the window allows. */
export function fitPerson() {
  const one = person();
  if (!one) return;
  work.placed = work.person;
  picture.show(one.box);
}

/** Show the chosen person; where they are shown already, the whole image. */
export function fit() {
  const one = person();
  if (one && work.stage !== "people" && !picture.shows(one.box)) return fitPerson();
  if (work.image) picture.show([0, 0, work.image.width, work.image.height]);
}

export function nextStage() {
  const stages = REVIEW ? /** @type {Stage[]} */ (["review", ...STAGES]) : STAGES;
  setStage(stages[(stages.indexOf(work.stage) + 1) % stages.length]);
}

/** @param {number} part */
export function setPart(part) {
  work.polygonDone = null;
  work.part = part === OUTLINE && work.stage !== "parts" ? 1 : part;
  work.number = Math.max(asked().findIndex(one => one.verdict === "open"), 0);
  show();
  void ensureAsked();
}

/** @param {number} number of the person */
export function choosePerson(number) {
  work.person = number;
  if (work.stage === "people") show(); else setStage(work.stage);
}

/** @param {number} step */
export function nextPerson(step) {
  const all = numbers();
  if (all.length) choosePerson(all[(all.indexOf(work.person) + step + all.length) % all.length]);
}

/** The painted parts of the chosen person. */
export function paintedParts() {
  return work.parts.map(one => one.part).filter(part => hasPart(work.maps[work.person], part));
}

/** Whether all points of a part are answered. @param {number} part */
export function isDone(part) {
  const points = person()?.asked[part] || [];
  return points.length > 0 && points.every(one => one.verdict !== "open");
}

async function ensureAsked() {
  const map = work.maps[work.person];
  if (work.stage !== "points" || !map || !hasPart(map, work.part)) return;
  const points = asked();
  if (points.length && points.some(one => partAt(map, one.x, one.y) === work.part)) return;
  work.asking = true;
  await message("/ask", { person: work.person, part: work.part });
  work.asking = false;
  show();
}

/** The next point without an answer; after the last one the next painted part. Then those that the network answered. */
export function nextPoint() {
  const points = asked();
  const order = points.map((_, index) => (work.number + 1 + index) % points.length);
  const found = order.find(index => points[index]?.verdict === "open");
  if (found !== undefined) { work.number = found; return show(); }
  const rest = paintedParts();
  const later = rest.find(part => part > work.part && !isDone(part)) ?? rest.find(part => !isDone(part));
  if (later !== undefined) return setPart(later);
  const unseen = points.findIndex((one, index) => index > work.number && one.proposed);
  if (unseen >= 0) { work.number = unseen; return show(); }
  const next = [...rest.filter(part => part > work.part), ...rest].find(part => person()?.asked[part]?.some(one => one.proposed));
  if (next === undefined) return show();
  setPart(next);
  work.number = Math.max(asked().findIndex(one => one.proposed), 0);
}

/** What is not done yet, one sentence for each kind. */
export function leftOpen() {
  const found = [];
  const all = numbers().map(number => ({ number, one: /** @type {any} */ (work.sheet).people[number] }))
    .filter(({ one }) => one.kind === "person");
  if (!numbers().length) found.push("Nobody is marked in this image.");
  const bare = all.filter(({ number }) => !work.maps[number]).length;
  if (bare) found.push(`${bare} of ${all.length} people have no painted parts.`);
  let open = 0, unasked = 0;
  for (const { number, one } of all) {
    for (const { part } of work.parts) {
      if (!hasPart(work.maps[number], part)) continue;
      const points = one.asked[part] || [];
      unasked += points.length ? 0 : 1;
      open += points.filter(point => point.verdict === "open").length;
    }
  }
  if (unasked) found.push(`The points of ${unasked} painted part${unasked > 1 ? "s" : ""} were not looked at.`);
  if (open) found.push(`${open} point${open > 1 ? "s" : ""} of parts that were begun have no answer.`);
  return found;
}
