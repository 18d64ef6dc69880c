// The progress of the task, for who leads it.
"use strict";
import { post } from "./server.js";
import { at, element, trouble, work } from "./state.js";

/** @param {string[]} heads @param {any[][]} rows */
function table(heads, rows) {
  const made = element("table", ""), line = (kind, cells) => {
    const one = element("tr", "");
    one.append(...cells.map(cell => element(kind, cell ?? "–")));
    return one;
  };
  made.append(line("th", heads), ...rows.map(cells => line("td", cells)));
  return made;
}

/** Show images, annotators and agreement. */
export async function showProgress() {
  let found;
  try { found = await post("/progress", { who: work.who }); } catch (error) { return trouble(/** @type {Error} */ (error).message); }
  const { images, annotators, agreement } = found;
  const people = annotators.map(one => [one.who + (one.review ? " (review)" : ""), one.images, one.people, one.parts, one.points,
    one.keypoints, one.hours, one.seconds_a_person]);
  const pairs = agreement.map(one => [one.annotators.join(", "), one.people, one.box_iou, one.part_iou, one.points, one.points_cm]);
  at("tables").replaceChildren(
    element("p", `${images.finished} of ${images.all} images are finished, ${images.begun} begun, ${images.reviewed} reviewed.`),
    table(["annotator", "images", "people", "parts", "points", "keypoints", "hours", "s a person"], people),
    ...(pairs.length ? [element("p", "People whom two annotators did: overlap (IoU) and the median distance of points on the body."),
      table(["annotators", "people", "boxes", "parts", "points", "cm"], pairs)] : []));
  if (!at("howfar").open) at("howfar").showModal();
}
