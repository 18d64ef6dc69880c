// The first stage: a box around each person, and what it holds.
"use strict";
import { act, actTogether, proposeAgain } from "./messages.js";
import { cleanBox, movedBox, sidesAt } from "./pointers.js";
import { button, element, gate, numbers, overlapOf, person, picture, row, show, trouble, work } from "./state.js";
import { choosePerson, paintedParts } from "./steps.js";

const COLOURS = { person: "#57c98a", crowd: "#ffe119", not_person: "#ff6b5e", skipped: "#98a0ad" };
const KINDS = { person: "person (Q)", crowd: "crowd (C)", not_person: "not a person (X)", skipped: "skip (K)" };
/** Numbers that were given to people whom the server has not confirmed yet. */
const taken = { image: "", number: 0 };

/** Numbers of new people, which nobody else of the image gets. @param {number} [count] */
function newNumber(count = 1) {
  const image = work.image?.name || "", last = taken.image === image ? taken.number : 0;
  const first = Math.max(last + 1, work.sheet?.next || 1);
  Object.assign(taken, { image, number: first + count - 1 });
  return first;
}

/** @param {number} number of a person @returns {number[]} */
const boxOf = number => work.sheet?.people[number].box || [];

/** From this overlap (IoU) on a box is that of a marked person, also where it was corrected. */
const SAME = 0.5;
/** The proposed boxes of people who are not marked yet. */
function newProposals() {
  const known = numbers().map(boxOf);
  return work.proposals.filter(one => !known.some(box => overlapOf(box, one.box) >= SAME));
}

async function remove() { if (person()) await act({ do: "remove", person: work.person }); }

const accepted = gate();
const accept = () => accepted.run(async () => {
  const found = newProposals();
  if (!found.length) return trouble("there is no other proposed box");
  const first = newNumber(found.length);
  await actTogether(found.map((one, index) => ({ do: "box", person: first + index, box_4: one.box, origin: "proposed" })));
});

/** @param {string} kind */
async function setKind(kind) { if (person()) await act({ do: "kind", person: work.person, kind }); }

const inside = (box, [x, y]) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];

/** @type {import("./pointers.js").Tool} */
const tool = {
  down(where) {
    const near = numbers().map(number => ({ number, sides: sidesAt(boxOf(number), where, picture.scale / picture.reach) }))
      .filter(one => one.sides);
    const mine = near.find(({ number }) => number === work.person);
    if (mine) { work.drag = { from: where, sides: mine.sides, box: person()?.box }; return; }
    const other = near.find(({ sides }) => sides && (sides[0] || sides[1]));
    if (other) { work.person = other.number; return show(); }
    work.drag = { from: where, sides: null, box: [...where, ...where] };
  },
  move(where) {
    if (!work.drag || !work.image) return;
    const { from, sides, box } = work.drag, { width, height } = work.image;
    work.draft = sides ? movedBox(box, sides, where[0] - from[0], where[1] - from[1], width, height)
      : cleanBox([from[0], from[1], where[0], where[1]], width, height);
    picture.redraw();
  },
  up(where) {
    this.move(where);
    const { draft, drag } = work;
    this.cancel();
    if (!draft || !drag) return;
    if (Math.hypot(where[0] - drag.from[0], where[1] - drag.from[1]) * picture.scale < 4) return clicked(where);
    if (draft[2] - draft[0] < 4 || draft[3] - draft[1] < 4) return;
    const number = drag.sides ? work.person : newNumber();
    work.person = number;
    void act({ do: "box", person: number, box_4: draft });
  },
  cancel() { work.drag = work.draft = null; picture.redraw(); },
};

/** A click accepts the proposal, or chooses the person, whose box is the smallest there. @param {[number, number]} where */
function clicked(where) {
  const area = box => (box[2] - box[0]) * (box[3] - box[1]);
  const marked = numbers().map(number => ({ number, box: boxOf(number) }));
  const found = [...marked, ...newProposals().map(one => ({ number: 0, box: one.box }))]
    .filter(one => inside(one.box, where)).sort((a, b) => area(a.box) - area(b.box))[0];
  if (!found) return;
  if (found.number) return choosePerson(found.number);
  void accepted.run(async () => {
    work.person = newNumber();
    await act({ do: "box", person: work.person, box_4: found.box, origin: "proposed" });
  });
}

function draw() {
  for (const one of newProposals()) picture.box(one.box, "#7fd1ff", false, true);
  numbers().forEach((number, index) => {
    const one = /** @type {any} */ (work.sheet).people[number], chosen = number === work.person;
    const box = chosen && work.draft && work.drag?.sides ? work.draft : one.box;
    picture.box(box, COLOURS[one.kind], chosen);
    picture.label(String(index + 1), box[0], box[1], COLOURS[one.kind]);
  });
  if (work.draft && !work.drag?.sides) picture.box(work.draft, "#57c98a", true);
}

function panel() {
  const left = newProposals().length;
  const wait = work.proposed ? "no proposed box is left" : "the network looks at the image …";
  const all = left ? button(`accept ${left} proposed box${left > 1 ? "es" : ""} (A)`, accept, false, "accept") : element("small", wait);
  const kinds = row([...Object.entries(KINDS).map(([kind, text]) => button(text, () => setKind(kind), person()?.kind === kind)),
    button("remove (Del)", remove, false, "remove"),
    button("ask the network again (R)", proposeAgain, false, "again")]);
  return [all, ...(person() ? [kinds] : []), peopleList()];
}

/** All people of the image, with what is done for each. */
export function peopleList() {
  return row(numbers().map((number, index) => {
    const one = /** @type {any} */ (work.sheet).people[number], points = /** @type {any[]} */ (Object.values(one.asked).flat());
    const done = points.filter(point => point.verdict !== "open").length;
    const counts = [`${number === work.person ? paintedParts().length : partsOf(number)} parts`, `${done} of ${points.length} points`,
      `${Object.keys(one.keypoints).length} keypoints`, `${Math.round(one.seconds)} s`];
    const made = button(`${index + 1} `, () => choosePerson(number), number === work.person);
    made.append(element("span", one.kind === "person" ? counts.join(" · ") : one.kind.replace("_", " a "), "state"));
    return made;
  }), "people");
}

/** @param {number} number */
function partsOf(number) {
  const map = work.maps[number];
  return map ? new Set(map.label).size - (map.label.includes(0) ? 1 : 0) : 0;
}

export const people = {
  tool: () => tool, draw, panel,
  keys: { a: accept, enter: accept, q: () => setKind("person"), c: () => setKind("crowd"), x: () => setKind("not_person"),
    k: () => setKind("skipped"), delete: remove, r: proposeAgain },
};
