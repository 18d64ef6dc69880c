// The third stage: the place on the body of each asked pixel, by a click on one of six views.
"use strict";
import { COLOURS, drawMap } from "./map_pictures.js";
import { act, message } from "./messages.js";
import { isDoubled, nearest } from "./pointers.js";
import { post } from "./server.js";
import { asked, button, element, gate, person, picture, row, show, trouble, work } from "./state.js";
import { isDone, nextPoint, paintedParts, setPart } from "./steps.js";
import { clickInView, drawViews, loadViews, viewsFrame } from "./views.js";

const BLINK_MS = 350;
/** Fewer answers have no preview. */
const LEAST_ANSWERS = 4;
/** Colours of the answers on the first and on the second chart of a part, as on the views. */
const CHART_COLOURS = ["#c08a4e", "#3f86d8"];

/** A point is fixed when it blinks: until its answer is confirmed and the next one blinks, nothing can be answered. */
const answers = gate();
const free = () => !work.asking && Boolean(asked()[work.number]);

/** @param {string} verdict */
const answer = verdict => answers.run(async () => {
  if (!free()) return;
  const fields = { person: work.person, part: work.part, number: work.number, verdict, hint: hinted() };
  if (await act({ do: "answer", ...fields })) nextPoint();
});

function clickView(event) {
  if (isDoubled(event)) return;
  void answers.run(async () => {
    if (!free()) return;
    const { view, click } = clickInView(event), { x, y } = asked()[work.number];
    const fields = { person: work.person, part: work.part, number: work.number, pixel: [x, y], view, click, hint: hinted() };
    show();
    if (await message("/click", fields)) nextPoint();
  });
}

const back = () => answers.run(async () => {
  const points = asked();
  if (work.asking) return;
  if (points[work.number]?.verdict === "open") work.number = Math.max(0, work.number - 1);
  if (points[work.number]) {
    await act({ do: "answer", person: work.person, part: work.part, number: work.number, verdict: "open" });
  }
});

// The guess may bias: it is off until it is asked for, and every answer says whether it was shown.
const guess = { name: "", /** @type {[number, number, number][][]} */ places: [] };

/** Whether the guess is shown for this person: the program says it, or the annotator chooses. */
const hinted = () => person()?.hint ?? work.hint;

function guessNow() {
  if (!hinted() || !asked().length || !work.image) return [];
  const name = [work.image.name, work.person, work.part, asked().map(one => [one.x, one.y])].join();
  if (guess.name !== name) {
    Object.assign(guess, { name, places: [] });
    post("/guess", { who: work.who, image: work.image.name, person: work.person, part: work.part }).then(found => {
      if (guess.name === name) { guess.places = found.guesses; show(); }
    }).catch(error => trouble(error.message));
  }
  return guess.places[work.number] || [];
}

// The preview: what the answers say of the pixels between them. It follows each answer, and never delays the next.
const preview = { name: "", loading: false, /** @type {ImageBitmap|null} */ image: null, box: [0, 0, 0, 0] };

function drawPreview(context) {
  const answers = asked().filter(one => one.verdict === "surface");
  if (!work.preview || !work.image) return;
  const name = [work.image.name, work.person, work.part, work.sheet?.undo, answers.map(one => one.places[0])].join();
  // One at a time: where the program is slow, only the last of several answers is drawn.
  if (preview.name !== name && !preview.loading) {
    Object.assign(preview, { name, image: null });
    if (answers.length >= LEAST_ANSWERS) void loadPreview(name, work.image.name);
  }
  if (preview.name !== name || !preview.image) return;
  const [x0, y0, x1, y1] = preview.box;
  context.imageSmoothingEnabled = true;
  context.drawImage(preview.image, x0, y0, x1 - x0, y1 - y0);
}

async function loadPreview(name, image) {
  preview.loading = true;
  try {
    const found = await post("/preview", { who: work.who, image, person: work.person, part: work.part });
    if (preview.name !== name || !found.preview) return;
    const bytes = Uint8Array.from(atob(found.preview.png), letter => letter.charCodeAt(0));
    const drawn = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    if (preview.name === name) Object.assign(preview, { image: drawn, box: found.preview.box });
  } catch (error) { trouble(/** @type {Error} */ (error).message); }
  preview.loading = false;
  picture.redraw();
}

/** The network answers all points of the person that have no answer; the annotator looks at them, and corrects them. */
const propose = () => answers.run(async () => {
  if (work.asking || !person()) return;
  if (await message("/propose_points", { person: work.person })) setPart(work.part);
});

/** The image is moved where another point is asked that it does not show. */
function revealPoint() {
  const one = asked()[work.number], name = [work.image?.name, work.person, work.part, work.number, one?.x, one?.y].join();
  if (!one || name === work.revealed) return;
  work.revealed = name;
  picture.reveal(one.x, one.y);
}

function toggleHint() { work.hint = !work.hint; show(); }

function togglePreview() { work.preview = !work.preview; show(); }

/** @type {import("./pointers.js").Tool} */
const tool = {
  down(where) {
    const reach = 12 * picture.reach / picture.scale;
    const near = nearest(asked().map(one => [one.x + 0.5, one.y + 0.5]), where, reach);
    if (near >= 0) { work.number = near; show(); }
  },
  move() {}, up() {}, cancel() {},
};

/** @param {CanvasRenderingContext2D} context */
function draw(context) {
  const map = work.maps[work.person];
  context.globalAlpha = 0.25;
  if (map) drawMap(context, map, picture.scale);
  context.globalAlpha = 1;
  drawPreview(context);
  const blink = Math.floor(Date.now() / BLINK_MS) % 2;
  asked().forEach((one, index) => {
    const colour = { surface: CHART_COLOURS[one.second ? 1 : 0], open: "#ffffff" }[one.verdict] || "#98a0ad";
    picture.point(one.x + 0.5, one.y + 0.5, colour, one.verdict === "open" ? 4 : 5.5, one.proposed);
    picture.label(String(index + 1), one.x + 0.5 + 6 / picture.scale, one.y + 0.5, "#ffffff");
    if (index === work.number) picture.point(one.x + 0.5, one.y + 0.5, blink ? "#ff8f3a" : "#ffffff", 11, true);
  });
}
setInterval(() => { if (work.stage === "points") picture.redraw(); }, BLINK_MS);

function panel() {
  const table = work.parts.find(one => one.part === work.part) || work.parts[0];
  const frame = row([viewsFrame(clickView, Boolean(answers.busy() || work.asking))], "views");
  revealPoint();
  drawViews(work.part, work.side, table.views, asked(), work.number, guessNow())
    .catch(error => trouble(error.message));
  const list = row(paintedParts().map(part => {
    const name = work.parts[part - 1].name, short = name.replace("left ", "L ").replace("right ", "R ");
    const made = button(`${isDone(part) ? "✓ " : ""}${short}`, () => setPart(part), part === work.part);
    made.title = name;
    made.style.borderLeftColor = COLOURS[part];
    loadViews(part).catch(() => undefined);
    return made;
  }), "partrow");
  const points = asked(), left = points.filter(one => one.verdict === "open").length;
  const none = paintedParts().includes(work.part) ? "points are being chosen … " : "paint this part first ";
  const count = `${work.number + 1} of ${points.length}`, full = `${table.name}: point ${count}, ${left} left `;
  const where = points.length ? [element("span", full, "long"), element("span", count, "short")] : [none];
  const choice = typeof person()?.hint === "boolean" ? [] : [button("guess", toggleHint, work.hint, "hint")];
  const tools = row([...where,
    button("hidden (H)", () => answer("hidden")), button("skip (S)", () => answer("skipped")), button("back (⌫)", back),
    button("next (Enter)", nextPoint),
    button("preview (P)", togglePreview, work.preview, "preview"), ...choice,
    ...(person()?.hint === false ? [] : [button("network's points (J)", propose, false, "propose")])]);
  return [frame, tools, list];
}

export const points = {
  tool: () => tool, draw, panel,
  keys: { h: () => answer("hidden"), s: () => answer("skipped"), p: togglePreview, j: propose, enter: nextPoint, backspace: back },
};
