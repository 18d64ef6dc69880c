// The annotation page: begins, draws, and gives keys and pointers to the stage. Everything that annotators do is a message.
"use strict";
import { drawing } from "./drawings.js";
import { end, finish, leave, makeLink, showImages } from "./images.js";
import { keypoints } from "./keypoints.js";
import { act } from "./messages.js";
import { parts } from "./parts.js";
import { people } from "./people.js";
import { listen } from "./pointers.js";
import { points } from "./points.js";
import { review, sentBack } from "./review.js";
import { showProgress } from "./progress.js";
import { get, post, REVIEW, waiting, withToken } from "./server.js";
import { at, button, captions, element, numbers, OUTLINE, person, picture, row, show, trouble, whenShown, work } from "./state.js";
import { fit, nextPerson, nextStage, setPart, setStage, take } from "./steps.js";
import { views } from "./views.js";
import { KEYS, RULES, TASKS } from "./words.js";

/**
 * What a stage is made of: its tool on the image, what it draws over it, its panel and its keys.
 * @typedef {{tool: () => import("./pointers.js").Tool, draw: (context: CanvasRenderingContext2D) => void,
 *   panel: () => Node[], keys: Record<string, () => any>, takeBack?: () => boolean}} StageParts
 * `takeBack` takes a piece back that is not sent yet, and says whether there was one.
 */
/** @type {Record<import("./state.js").Stage, StageParts>} */
const STAGE = { review, people, parts, points, keypoints };

// ---- drawing --------------------------------------------------------------------------------------------------

picture.over = context => { if (work.sheet) STAGE[work.stage].draw(context); };

// Panels are made anew as a whole. They wait while something is pressed: a click needs the same button at both its ends.
let pressed = false, late = false;
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const kind of ["pointerup", "pointercancel"]) {
  addEventListener(kind, () => {
    pressed = false;
    if (late) show();
  }, true);
}

whenShown(() => {
  picture.redraw();
  late = pressed;
  if (late) return;
  at("image").textContent = work.image ? work.image.name : REVIEW ? "nothing to review now" : "all images are done";
  const done = work.progress, status = work.sheet && work.sheet.status !== "open" ? `${work.sheet.status} · ` : "";
  at("progress").textContent = done ? `${status}${done.finished} of ${done.images} images` : "";
  for (const one of at("stages").children) one.className = one.dataset.stage === work.stage ? "on" : "";
  const nothing = REVIEW ? "The list of images (I) shows what is reviewed, what was sent back, and what nobody has finished."
    : "Thank you. Nothing is left for you. The list of images shows what you did.";
  at("task").replaceChildren(...captions(work.image ? TASKS[work.stage] : nothing));
  at("notes").replaceChildren(...work.notes.map(one => (
    element("div", `${one.reviewer} sent back person ${numbers().indexOf(one.person) + 1}: ${one.note}`))));
  const one = person(), sheet = work.sheet;
  const position = one && sheet ? `${work.who} · person ${numbers().indexOf(work.person) + 1} of ${numbers().length}, `
    + `${Math.round(one.seconds)} s` : work.who;
  document.body.dataset.stage = work.stage;
  at("tools").hidden = !work.image;
  at("panel").replaceChildren(...(work.image ? STAGE[work.stage].panel() : []));
  at("guide").replaceChildren(...(work.image ? rules(work.stage) : []));
  at("buttons").replaceChildren(...(work.image ? commonButtons() : []), ...listButtons(), row([position], "person"));
  document.body.dataset.ready = work.image ? work.image.name : "none";
});

function undo() { if (!STAGE[work.stage].takeBack?.()) void act("undo"); }

function commonButtons() {
  const many = numbers().length > 1 ? [button("next person (N)", () => nextPerson(1))] : [];
  return [
    button(`undo ${work.sheet?.undo || ""} (Z)`, undo),
    button(`redo ${work.sheet?.redo || ""} (Y)`, () => act("redo")), ...many,
    button(REVIEW ? "finish review (F)" : "finish image (F)", finish, false, "finish"),
    ...(REVIEW ? [] : [button("leave out", () => end("skipped"))]),
  ];
}

/** Hide what is drawn over the image, or show it again. */
function toggleBare() {
  picture.bare = !picture.bare;
  at("bare").className = picture.bare ? "on" : "";
  picture.redraw();
}

function listButtons() {
  return [button("images (I)", showImages, false, "images"), ...(REVIEW ? [button("progress (G)", showProgress, false, "howfar")] : []),
    button("keys, rules (?)", showKeys)];
}

/** @param {import("./state.js").Stage} stage */
function rules(stage) {
  return RULES[stage].map(([name, text]) => {
    const made = row([drawing(name), element("span", text)]);
    made.className = "rule";
    return made;
  });
}

function showKeys() {
  at("keylist").replaceChildren(...KEYS.flatMap(([key, what]) => [element("dt", key), element("dd", what)]));
  at("rules").replaceChildren(...Object.keys(STAGE).filter(stage => REVIEW || stage !== "review")
    .flatMap(stage => rules(/** @type {any} */ (stage))));
  at("keys").showModal();
}

// ---- keys -----------------------------------------------------------------------------------------------------

/** The part that a number key chooses; 0 for other keys. @param {KeyboardEvent} event */
function partOfKey(event) {
  const found = /^Digit(\d)$/.exec(event.code);
  const part = found ? (Number(found[1]) || 10) + (event.shiftKey ? 10 : 0) : 0;
  return part < OUTLINE ? part : 0;
}

/** @type {Record<string, () => any>} */
const ALWAYS = {
  z: undo, Z: () => act("redo"), y: () => act("redo"), n: () => nextPerson(1), N: () => nextPerson(-1),
  f: finish, i: showImages, "?": showKeys, "+": () => picture.zoom(1.25), "=": () => picture.zoom(1.25),
  "-": () => picture.zoom(0.8), tab: nextStage, w: fit, d: toggleBare, ...(REVIEW ? { g: showProgress } : {}),
};

addEventListener("keydown", event => {
  if (event.target instanceof HTMLInputElement && event.target.type !== "range") return;
  if (at("finish").open && event.key === "f") { event.preventDefault(); at("finish").close("finish"); return; }
  if (document.querySelector("dialog[open]")) return;
  if (event.code === "Space") { work.space = true; event.preventDefault(); return; }
  if (event.ctrlKey || event.metaKey) {
    if (!work.image) return;
    if (event.key === "z") undo(); else if (event.key === "y" || event.key === "Z") act("redo"); else return;
    event.preventDefault();
    return;
  }
  const key = event.key.length > 1 ? event.key.toLowerCase() : event.key;
  const part = work.stage === "parts" || work.stage === "points" ? partOfKey(event) : 0;
  const does = part ? () => setPart(part) : STAGE[work.stage].keys[key] || ALWAYS[key];
  if (!does || (!work.image && !["i", "?", "g"].includes(key))) return;
  event.preventDefault();
  trouble("");
  does();
  if (work.image) show();
});
addEventListener("keyup", event => { if (event.code === "Space") work.space = false; });

// ---- begin ----------------------------------------------------------------------------------------------------

document.addEventListener("offline", event => {
  const kept = waiting() ? `; ${waiting()} of your actions wait and will be sent` : "";
  at("notice").textContent = /** @type {CustomEvent} */ (event).detail + kept;
});
addEventListener("beforeunload", event => { if (waiting()) event.preventDefault(); });
document.addEventListener("online-again", () => { at("notice").textContent = ""; });
at("stages").onclick = event => { if (event.target.dataset.stage) setStage(event.target.dataset.stage); };
at("finish").addEventListener("close", () => { if (at("finish").returnValue === "finish") void end("finished"); });
at("fit").onclick = fit;
at("bare").onclick = toggleBare;
at("bright").oninput = () => { picture.brightness = 2 ** (at("bright").value / 50); picture.redraw(); };
at("leave").onclick = leave;
at("makelink").onclick = makeLink;
at("sendback").addEventListener("close", sentBack);
listen(picture, () => (work.image ? STAGE[work.stage].tool() : null), () => work.space);

/** Ask for a name until this browser may use it. A personal link has the name, and the key to it. */
async function logIn() {
  const given = new URLSearchParams(location.search), key = given.get("key") || "";
  work.who = given.get("who") || sessionStorage.getItem("who") || "";
  history.replaceState(null, "", withToken(location.pathname));
  for (;;) {
    if (!work.who) {
      at("login").showModal();
      await new Promise(done => at("login").addEventListener("close", done, { once: true }));
      work.who = at("who").value.trim();
    }
    try {
      if (work.who && !REVIEW) await post("/name", { who: work.who, key });
      if (work.who) break;
    } catch (error) {
      at("notyours").textContent = /** @type {Error} */ (error).message;
      work.who = "";
    }
  }
  sessionStorage.setItem("who", work.who);
}

async function begin() {
  const found = await get("/parts");
  Object.assign(work, { parts: found.parts, side: found.side, joints: found.joints });
  if (REVIEW) {
    at("welcome").textContent = "Review annotations";
    document.querySelector("[data-stage=review]")?.removeAttribute("hidden");
    at("links").hidden = false;
  }
  await logIn();
  await take();
  at("picture").focus();
}

Object.assign(window, { studio: { work, picture, views, act, take, setStage, waiting } });
begin().catch(error => trouble(error.message));
