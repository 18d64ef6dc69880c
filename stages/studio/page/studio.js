// The annotation page: what the annotator has in front of them, keys and buttons. Everything they do is a message.
"use strict";
import { get, picture as loadPicture, post, send } from "/page/server.js";
import { COLOURS, hasPart, maskOfPart, paintedMap, paintedPicture, partAt, pictureOfMap, shapeOfPath, unpacked } from "/page/masks.js";
import { Picture } from "/page/picture.js";
import { cleanBox, listen, movedBox, sidesAt } from "/page/tools.js";
import { clickInView, drawViews, loadViews } from "/page/views.js";
import { JOINTS, KEYS, RULES, STAGES, TASKS } from "/page/words.js";

const at = name => /** @type {any} */ (document.getElementById(name));
const picture = new Picture(at("picture"));
/** All that the page knows. */
const work = {
  who: "", image: null, sheet: null, progress: null, parts: [], side: 360, proposals: [], stage: "people", person: 0,
  part: 1, number: 0, joint: 0, erase: false, polygon: false, radius: 12, opacity: 0.45, hint: false, space: false,
  maps: {}, pictures: {}, path: null, draft: null, drag: null, guessed: "", guesses: [],
};
export { work, picture };

const person = () => (work.sheet ? work.sheet.people[work.person] : undefined);
const asked = () => person()?.asked[work.part] || [];
const numbers = () => Object.keys(work.sheet?.people || {}).map(Number);
const trouble = text => { at("trouble").textContent = text; };

// ---- messages -------------------------------------------------------------------------------------------------

async function message(path, fields) {
  trouble("");
  const name = work.image.name;
  // The number of steps goes along, so that an undo that is sent twice, because its answer was lost, is done once.
  const steps = () => (typeof fields.action === "string" ? { undo: work.sheet.undo } : {});
  try {
    await send(path, () => ({ who: work.who, image: name, ...fields, ...steps() }), async found => {
      if (work.image?.name === name) await showSheet(found.sheet);
      work.progress = found.progress;
    });
    return true;
  } catch (error) {
    trouble(error.message);
    return false;
  } finally {
    show();
  }
}

const act = action => message("/act", { action });

async function showSheet(sheet) {
  const maps = {};
  for (const [number, one] of Object.entries(sheet.people)) {
    maps[number] = one.parts === "same" ? work.maps[number] : await unpacked(one.parts);
    if (maps[number] !== work.maps[number]) work.pictures[number] = maps[number] && pictureOfMap(maps[number]);
  }
  work.maps = maps;
  work.sheet = sheet;
  if (!sheet.people[work.person]) work.person = numbers()[0] || 0;
}

async function take(name) {
  try {
    const found = await send("/take", () => ({ who: work.who, ...(name ? { image: name } : {}) }));
    work.progress = found.progress;
    // Nothing can be answered before the image is there: what is on the screen is the last one.
    Object.assign(work, { image: null, sheet: null, maps: {}, pictures: {}, proposals: [], person: 0, part: 1, number: 0, joint: 0 });
    await picture.setImage(null);
    if (!found.image) return show();
    const loaded = await loadPicture(`/image/${found.image.number}`);
    work.image = found.image;
    await showSheet(found.sheet);
    void picture.setImage(loaded);
    picture.show([0, 0, found.image.width, found.image.height]);
    setStage(Object.keys(person()?.asked || {}).length ? "points" : "people");
    void propose(found.image);
  } catch (error) { trouble(error.message); }
}

async function propose(image) {
  try {
    const found = await get(`/proposals/${image.number}`);
    if (work.image !== image) return;
    for (const one of found.people) one.map = await unpacked(one.parts);
    work.proposals = found.people;
  } catch (error) { trouble(error.message); }
  show();
}

/** The proposal that overlaps the chosen person best, if any does. */
function proposal() {
  const one = person();
  if (!one) return null;
  const overlap = other => {
    const wide = Math.min(one.box[2], other[2]) - Math.max(one.box[0], other[0]);
    const high = Math.min(one.box[3], other[3]) - Math.max(one.box[1], other[1]);
    const area = box => (box[2] - box[0]) * (box[3] - box[1]);
    return wide > 0 && high > 0 ? wide * high / (area(one.box) + area(other) - wide * high) : 0;
  };
  const best = work.proposals.map(found => [overlap(found.box), found]).sort((a, b) => b[0] - a[0])[0];
  return best && best[0] > 0.4 ? best[1] : null;
}

const newNumber = () => Math.max(0, ...numbers()) + 1;

// ---- what the annotator does ----------------------------------------------------------------------------------

async function acceptPeople() {
  const known = numbers().map(number => work.sheet.people[number].box.join());
  for (const one of work.proposals) {
    if (known.includes(one.box.join())) continue;
    await act({ do: "box", person: newNumber(), box_4: one.box, origin: "proposed" });
  }
}

async function acceptPart(part) {
  const found = proposal(), mask = found?.map && maskOfPart(found.map, part);
  if (!mask) return trouble("the network proposes nothing for this part");
  await act({ do: "paint", person: work.person, part, mask, origin: "proposed" });
}

async function acceptParts() {
  const found = proposal();
  if (!found?.map) return trouble("the network proposes no parts for this person");
  for (const { part } of work.parts) if (hasPart(found.map, part)) await acceptPart(part);
  if (found.outline) await act({ do: "outline", person: work.person, mask: found.outline, origin: "proposed" });
}

async function acceptKeypoints() {
  for (const [joint, [x, y]] of Object.entries(proposal()?.keypoints || {})) {
    await act({ do: "keypoint", person: work.person, joint: Number(joint), x, y, visibility: 2, origin: "proposed" });
  }
}

async function paint(path, radius) {
  const one = work.person, part = work.erase ? 0 : work.part;
  const shape = shapeOfPath(path, radius, work.image.width, work.image.height);
  if (!shape || !person()) return;
  // Drawn at once; the server need not send the map back, unless it refuses.
  const known = work.maps[one];
  work.maps[one] = paintedMap(known, shape, part);
  work.pictures[one] = paintedPicture(work.pictures[one], known, work.maps[one], shape);
  picture.redraw();
  const done = await message("/act", { action: { do: "paint", person: one, part, mask: shape.mask }, painted: true });
  if (!done) await take(work.image.name);
}

async function ensureAsked() {
  const map = work.maps[work.person];
  if (work.stage !== "points" || !person() || !hasPart(map, work.part)) return;
  const points = asked();
  if (points.length && points.some(one => partAt(map, one.x, one.y) === work.part)) return;
  await message("/ask", { person: work.person, part: work.part });
}

async function answer(verdict) {
  if (!asked()[work.number]) return;
  const fields = { person: work.person, part: work.part, number: work.number, verdict, hint: work.hint };
  if (await act({ do: "answer", ...fields })) nextPoint();
}

async function clickView(event) {
  if (!asked()[work.number]) return;
  const { view, click } = clickInView(at("viewcanvas"), event, work.side);
  const fields = { person: work.person, part: work.part, number: work.number, view, click, hint: work.hint };
  if (await message("/click", fields)) nextPoint();
}

/** The next point without an answer; after the last one the next painted part. */
function nextPoint() {
  const points = asked();
  const open = index => points[index]?.verdict === "open";
  const order = points.map((_, index) => (work.number + 1 + index) % points.length);
  const found = order.find(open);
  if (found !== undefined) { work.number = found; return show(); }
  const rest = work.parts.map(one => one.part).filter(part => hasPart(work.maps[work.person], part));
  const later = rest.find(part => part > work.part && !isDone(part)) ?? rest.find(part => !isDone(part));
  if (later !== undefined) return setPart(later);
  show();
}

function isDone(part) {
  const points = person()?.asked[part] || [];
  return points.length > 0 && points.every(one => one.verdict !== "open");
}

function setPart(part) {
  work.part = part;
  const points = asked(), open = points.findIndex(one => one.verdict === "open");
  work.number = Math.max(open, 0);
  show();
  void ensureAsked();
}

function setStage(stage) {
  if (stage !== "people" && !person()) return trouble("draw the person's box first");
  work.stage = stage;
  work.draft = work.path = null;
  if (stage !== "people") picture.show(person().box);
  if (stage === "points" && (!hasPart(work.maps[work.person], work.part) || isDone(work.part))) {
    const painted = work.parts.map(one => one.part).filter(part => hasPart(work.maps[work.person], part));
    work.part = painted.find(part => !isDone(part)) || painted[0] || work.part;
  }
  setPart(work.part);
}

async function finish(status) {
  if (await act({ do: "status", status })) await take();
}

function choosePerson(step) {
  const all = numbers();
  if (!all.length) return;
  work.person = all[(all.indexOf(work.person) + step + all.length) % all.length];
  if (work.stage === "people") show(); else setStage(work.stage);
}

// ---- tools on the image ---------------------------------------------------------------------------------------

const boxTool = {
  down(where) {
    const near = numbers().map(number => [number, sidesAt(work.sheet.people[number].box, where, picture.scale)]);
    const held = near.find(([number, sides]) => number === work.person && sides && (sides[0] || sides[1]))
      || near.find(([number, sides]) => number === work.person && sides);
    if (held) { work.drag = { from: where, sides: held[1], box: person().box }; return; }
    const other = near.find(([, sides]) => sides && (sides[0] || sides[1]));
    if (other) { work.person = other[0]; return show(); }
    work.drag = { from: where, sides: null, box: [...where, ...where] };
  },
  move(where) {
    if (!work.drag) return;
    const { from, sides, box } = work.drag, { width, height } = work.image;
    work.draft = sides ? movedBox(box, sides, where[0] - from[0], where[1] - from[1], width, height)
      : cleanBox([...from, ...where], width, height);
    picture.redraw();
  },
  up(where) {
    this.move(where);
    const { draft, drag } = work;
    this.cancel();
    if (!draft || !drag) return;
    if (draft[2] - draft[0] < 4 || draft[3] - draft[1] < 4) {
      const inside = one => where[0] >= one.box[0] && where[0] <= one.box[2] && where[1] >= one.box[1] && where[1] <= one.box[3];
      const found = work.proposals.find(inside);
      if (!drag.sides && found) void act({ do: "box", person: newNumber(), box_4: found.box, origin: "proposed" });
      return;
    }
    if (drag.sides && Math.hypot(where[0] - drag.from[0], where[1] - drag.from[1]) * picture.scale < 3) return;
    const number = drag.sides ? work.person : newNumber();
    work.person = number;
    void act({ do: "box", person: number, box_4: draft });
  },
  cancel() { work.drag = work.draft = null; picture.redraw(); },
};

const brushTool = {
  down(where) { work.path = [where]; picture.redraw(); },
  move(where) { work.path?.push(where); picture.redraw(); },
  up() { const path = work.path; work.path = null; if (path) void paint(path, work.radius); },
  cancel() { work.path = null; picture.redraw(); },
};

const polygonTool = {
  down(where) {
    const first = work.path?.[0];
    if (first && work.path.length > 2 && Math.hypot(where[0] - first[0], where[1] - first[1]) * picture.scale < 12) {
      return closePolygon();
    }
    (work.path ??= []).push(where);
    picture.redraw();
  },
  move() {}, up() {}, cancel() {},
};

function closePolygon() {
  const path = work.path;
  work.path = null;
  if (path && path.length > 2) void paint(path, null);
  else picture.redraw();
}

const jointTool = {
  down(where) {
    const reach = 10 / picture.scale, known = Object.entries(person()?.keypoints || {});
    const near = known.find(([, [x, y, seen]]) => seen && Math.hypot(x - where[0], y - where[1]) < reach);
    work.drag = { moved: near !== undefined };
    if (near) work.joint = Number(near[0]);
    this.move(where);
  },
  move(where) { if (work.drag) { work.draft = where; picture.redraw(); } },
  up(where) {
    const { drag } = work, [x, y] = where, { width, height } = work.image;
    this.cancel();
    if (!person() || x < 0 || y < 0 || x >= width || y >= height) return;
    const visibility = person().keypoints[work.joint]?.[2] || 2;
    void act({ do: "keypoint", person: work.person, joint: work.joint, x, y, visibility });
    if (drag && !drag.moved) work.joint = Math.min(work.joint + 1, JOINTS.length - 1);
  },
  cancel() { work.drag = work.draft = null; picture.redraw(); },
};

const pointTool = {
  down(where) {
    const reach = 12 / picture.scale;
    const near = asked().findIndex(one => Math.hypot(one.x + 0.5 - where[0], one.y + 0.5 - where[1]) < reach);
    if (near >= 0) { work.number = near; show(); }
  },
  move() {}, up() {}, cancel() {},
};

const toolNow = () => {
  if (!work.image) return null;
  if (work.stage === "parts") return work.polygon ? polygonTool : brushTool;
  return { people: boxTool, points: pointTool, keypoints: jointTool }[work.stage];
};

async function setVisibility() {
  const one = person()?.keypoints[work.joint];
  if (!one) return;
  const visibility = { 2: 1, 1: 0, 0: 2 }[one[2]];
  await act({ do: "keypoint", person: work.person, joint: work.joint, x: one[0], y: one[1], visibility });
}

// ---- drawing --------------------------------------------------------------------------------------------------

picture.over = context => {
  if (!work.sheet) return;
  const closeUp = work.stage !== "people";
  for (const number of numbers()) {
    const shown = work.pictures[number], map = work.maps[number];
    if (closeUp && number !== work.person) continue;
    if (shown && work.stage !== "keypoints") {
      context.globalAlpha = work.stage === "points" ? 0.12 : work.opacity;
      context.imageSmoothingEnabled = false;
      context.drawImage(shown, map.x, map.y);
      context.globalAlpha = 1;
    }
  }
  if (work.stage === "people") {
    for (const one of work.proposals) picture.box(one.box, "#7fd1ff", false, true);
    const colours = { person: "#57c98a", crowd: "#ffe119", not_person: "#ff6b5e", skipped: "#98a0ad" };
    for (const number of numbers()) {
      const one = work.sheet.people[number], chosen = number === work.person;
      picture.box(chosen && work.draft && work.drag?.sides ? work.draft : one.box, colours[one.kind], chosen);
    }
    if (work.draft && !work.drag?.sides) picture.box(work.draft, "#57c98a", true);
  }
  if (work.stage === "parts" && work.path) picture.stroke(work.path, work.polygon ? null : work.radius, work.erase ? 0 : work.part);
  if (work.stage === "points") drawPoints();
  if (work.stage === "keypoints" && person()) {
    const found = { ...person().keypoints };
    if (work.draft) found[work.joint] = [work.draft[0], work.draft[1], found[work.joint]?.[2] || 2];
    picture.skeleton(found, work.joint, false);
  }
};

function drawPoints() {
  const blink = Math.floor(Date.now() / 350) % 2;
  asked().forEach((one, index) => {
    const colour = { surface: "#1667c9", hidden: "#98a0ad", skipped: "#98a0ad", open: "#ffffff" }[one.verdict];
    picture.point(one.x + 0.5, one.y + 0.5, colour, 4);
    if (index === work.number) picture.point(one.x + 0.5, one.y + 0.5, blink ? "#ff8f3a" : "#ffffff", 11, true);
  });
}
setInterval(() => { if (work.stage === "points") picture.redraw(); }, 350);

function button(text, does, on = false, name = "") {
  const made = document.createElement("button");
  made.textContent = text;
  made.type = "button";
  made.className = on ? "on" : "";
  if (name) made.dataset.name = name;
  made.onclick = () => { does(); at("picture").focus(); };
  return made;
}

function show() {
  picture.redraw();
  at("image").textContent = work.image ? work.image.name : "all images are done";
  const done = work.progress;
  at("progress").textContent = done ? `${done.finished} of ${done.images} images` : "";
  for (const one of at("stages").children) one.className = one.dataset.stage === work.stage ? "on" : "";
  at("task").textContent = work.image ? TASKS[work.stage] : "Thank you. Nothing is left for you.";
  const one = person();
  at("person").textContent = one ? `person ${numbers().indexOf(work.person) + 1} of ${numbers().length}, `
    + `${Math.round(one.seconds)} s, undo ${work.sheet.undo}, redo ${work.sheet.redo}` : "";
  at("panel").replaceChildren(...(work.image ? PANELS[work.stage]() : []));
  at("buttons").replaceChildren(...(work.image ? commonButtons() : []));
  document.body.dataset.ready = work.image ? work.image.name : "none";
}

function commonButtons() {
  return [
    button("undo (Z)", () => act("undo")), button("redo (Y)", () => act("redo")),
    button("person ▸ (N)", () => choosePerson(1)), button("finish image (F)", () => finish("finished"), false, "finish"),
    button("leave image out", () => finish("skipped")), button("keys (?)", showKeys),
  ];
}

const PANELS = {
  people() {
    const kinds = [["person", "person (Q)"], ["crowd", "crowd (C)"], ["not_person", "not a person (X)"], ["skipped", "skip (K)"]];
    const row = document.createElement("div");
    row.append(...kinds.map(([kind, text]) => button(text, () => setKind(kind), person()?.kind === kind)));
    return [button(`accept all ${work.proposals.length} proposed boxes (A)`, acceptPeople, false, "accept"), row];
  },
  parts() {
    const palette = document.createElement("div");
    palette.id = "palette";
    const map = work.maps[work.person];
    palette.append(...work.parts.map(({ part, name }) => {
      const made = button("", () => setPart(part), part === work.part, `part ${part}`);
      const colour = document.createElement("i"), state = document.createElement("span");
      colour.style.background = COLOURS[part];
      state.className = "state";
      state.textContent = hasPart(map, part) ? "✓" : "";
      made.append(colour, `${part} ${name}`, state);
      return made;
    }));
    const tools = document.createElement("div");
    tools.append(
      button("accept this part (A)", () => acceptPart(work.part)), button("accept all (Shift A)", acceptParts, false, "accept"),
      button("brush (B)", () => { work.polygon = false; work.path = null; show(); }, !work.polygon),
      button("polygon (G)", () => { work.polygon = true; work.path = null; show(); }, work.polygon),
      button("erase (E)", () => { work.erase = !work.erase; show(); }, work.erase),
    );
    return [palette, tools, slider("brush", 1, 80, work.radius, value => { work.radius = value; }),
      slider("opacity", 0, 100, 100 * work.opacity, value => { work.opacity = value / 100; picture.redraw(); })];
  },
  points() {
    const frame = at("views") || document.createElement("div");
    frame.id = "views";
    const canvas = at("viewcanvas") || document.createElement("canvas");
    canvas.id = "viewcanvas";
    canvas.onclick = clickView;
    frame.replaceChildren(canvas);
    const table = work.parts.find(one => one.part === work.part);
    drawViews(canvas, work.part, work.side, table.views, asked(), work.number, guessNow())
      .catch(error => trouble(error.message));
    const row = document.createElement("div");
    row.id = "partrow";
    row.append(...work.parts.filter(({ part }) => hasPart(work.maps[work.person], part)).map(({ part, name }) => {
      const made = button(`${name} ${isDone(part) ? "✓" : ""}`, () => setPart(part), part === work.part);
      made.style.borderLeftColor = COLOURS[part];
      loadViews(part).catch(() => undefined);
      return made;
    }));
    const tools = document.createElement("div");
    const points = asked(), left = points.filter(one => one.verdict === "open").length;
    tools.append(`${table.name}: point ${work.number + 1} of ${points.length}, ${left} left `,
      button("hidden (H)", () => answer("hidden")), button("skip (S)", () => answer("skipped")),
      button("take back (⌫)", () => back()), button("next (Enter)", nextPoint),
      button("the network's guess", toggleHint, work.hint, "hint"));
    return [frame, tools, row];
  },
  keypoints() {
    const list = document.createElement("div");
    list.id = "joints";
    const marks = { 2: "visible", 1: "hidden", 0: "not in image" };
    list.append(...JOINTS.map((name, joint) => {
      const one = person()?.keypoints[joint];
      return button(`${name} ${one ? `· ${marks[one[2]]}` : ""}`, () => { work.joint = joint; show(); }, joint === work.joint);
    }));
    return [list, button("accept the proposed keypoints (A)", acceptKeypoints, false, "accept"), button("visible / hidden / not in image (V)", setVisibility)];
  },
};

function slider(name, least, most, value, does) {
  const row = document.createElement("label");
  row.className = "row";
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: least, max: most, value });
  input.oninput = () => does(Number(input.value));
  row.append(name, input);
  return row;
}

// The guess may bias: it is off until it is asked for, and every answer says whether it was shown.
function toggleHint() { work.hint = !work.hint; show(); }

const guessName = () => [work.image?.name, work.person, work.part, asked().map(one => [one.x, one.y])].join();

function guessNow() {
  if (!work.hint || !asked().length) return [];
  const name = guessName();
  if (work.guessed !== name) {
    work.guessed = name;
    work.guesses = [];
    const fields = { who: work.who, image: work.image.name, person: work.person, part: work.part };
    post("/guess", fields).then(found => {
      if (work.guessed === name) { work.guesses = found.guesses; show(); }
    }).catch(error => trouble(error.message));
  }
  return work.guesses[work.number] || [];
}

async function setKind(kind) { if (person()) await act({ do: "kind", person: work.person, kind }); }

async function back() {
  const points = asked();
  if (points[work.number]?.verdict === "open") work.number = Math.max(0, work.number - 1);
  if (points[work.number]) {
    await act({ do: "answer", person: work.person, part: work.part, number: work.number, verdict: "open" });
  }
}

function showKeys() {
  const list = KEYS.flatMap(([key, what]) => {
    const term = document.createElement("dt"), about = document.createElement("dd");
    term.textContent = key;
    about.textContent = what;
    return [term, about];
  });
  at("keylist").replaceChildren(...list);
  at("rules").replaceChildren(...RULES.map(text => Object.assign(document.createElement("li"), { textContent: text })));
  at("keys").showModal();
}

// ---- keys -----------------------------------------------------------------------------------------------------

function digit(event) {
  const found = /^Digit(\d)$/.exec(event.code);
  if (!found) return 0;
  const number = Number(found[1]) || 10;
  return event.shiftKey ? 10 + number : number;
}

const OF_STAGE = {
  people: { a: acceptPeople, enter: acceptPeople, q: () => setKind("person"), c: () => setKind("crowd"),
    x: () => setKind("not_person"), k: () => setKind("skipped") },
  parts: { a: () => acceptPart(work.part), A: acceptParts, b: () => { work.polygon = false; work.path = null; },
    g: () => { work.polygon = true; work.path = null; }, e: () => { work.erase = !work.erase; },
    "[": () => { work.radius = Math.max(1, Math.round(work.radius / 1.25)); },
    "]": () => { work.radius = Math.min(80, Math.ceil(work.radius * 1.25)); },
    enter: () => (work.path ? closePolygon() : nextPart()), backspace: () => { work.path?.pop(); } },
  points: { h: () => answer("hidden"), s: () => answer("skipped"), enter: nextPoint, backspace: back },
  keypoints: { a: acceptKeypoints, v: setVisibility, enter: () => { work.joint = (work.joint + 1) % JOINTS.length; },
    backspace: () => { work.joint = Math.max(0, work.joint - 1); } },
};
const ALWAYS = {
  z: () => act("undo"), Z: () => act("redo"), y: () => act("redo"), n: () => choosePerson(1), N: () => choosePerson(-1),
  f: () => finish("finished"), "?": showKeys, "+": () => picture.zoom(1.25), "=": () => picture.zoom(1.25),
  "-": () => picture.zoom(0.8), tab: () => setStage(STAGES[(STAGES.indexOf(work.stage) + 1) % STAGES.length]),
};

function nextPart() { setPart(work.part % work.parts.length + 1); }

addEventListener("keydown", event => {
  if (event.target instanceof HTMLInputElement && event.target.type !== "range") return;
  if (at("keys").open || at("login").open || !work.image) return;
  if (event.code === "Space") { work.space = true; event.preventDefault(); return; }
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "z") act("undo"); else if (event.key === "y" || event.key === "Z") act("redo"); else return;
    event.preventDefault();
    return;
  }
  const part = work.stage === "parts" || work.stage === "points" ? digit(event) : 0;
  const key = event.key.length > 1 ? event.key.toLowerCase() : event.key;
  const does = part && part <= work.parts.length ? () => setPart(part) : OF_STAGE[work.stage][key] || ALWAYS[key];
  if (!does) return;
  event.preventDefault();
  does();
  if (work.image) show();
});
addEventListener("keyup", event => { if (event.code === "Space") work.space = false; });

// ---- begin ----------------------------------------------------------------------------------------------------

document.addEventListener("offline", () => { at("notice").textContent = "no connection to the program; what you did is kept"; });
document.addEventListener("online-again", () => { at("notice").textContent = ""; });
at("stages").onclick = event => { if (event.target.dataset.stage) setStage(event.target.dataset.stage); };
listen(picture, toolNow, () => work.space);

async function begin() {
  const found = await get("/parts");
  Object.assign(work, { parts: found.parts, side: found.side });
  work.who = sessionStorage.getItem("who") || "";
  if (!work.who) {
    at("login").showModal();
    await new Promise(done => at("login").addEventListener("close", done, { once: true }));
    work.who = at("who").value.trim();
    sessionStorage.setItem("who", work.who);
  }
  await take();
  show();
  at("picture").focus();
}

window.studio = { work, picture, act, take, setStage };
begin().catch(error => trouble(error.message));
