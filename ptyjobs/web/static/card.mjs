// One job as a card: its state in words, and a small picture of its screen. Nothing of a job is
// ever put in as HTML.

import { make, palette } from "/page.mjs";
import { figures, since } from "/words.mjs";

const RATIO = 4.5; // contrast of letters, as in the live view

export function card(job) {
  const made = make("a", { className: "card", href: `#/job/${encodeURIComponent(job.job_id)}` },
    make("span", { className: "head" }, make("span", { className: "dot" }), make("b"), make("time")),
    make("span", { className: "why" }),
    make("span", { className: "command" }),
    make("span", { className: "shot" }, make("pre")));
  made.dataset.job = job.job_id;
  made.querySelector(".shot").setAttribute("aria-hidden", "true");
  return made;
}

export function update(made, job) {
  made.dataset.mood = job.mood;
  put(made.querySelector("b"), job.job_id);
  put(made.querySelector("time"), since(job));
  put(made.querySelector(".why"), [job.why, ...figures(job)].join(" · "));
  put(made.querySelector(".command"), job.command);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function draw(made, picture) {
  const colours = palette();
  const pre = made.querySelector("pre");
  pre.replaceChildren(...picture.lines.flatMap((runs) => [...runs.map((run) => piece(run, colours)), "\n"]));
  made.querySelector(".shot").classList.toggle("empty", !picture.lines.length);
  pre.dataset.drawn = picture.full ? "full" : "";
  scale(made);
}

function piece([text, fg, bg, flags, cells], colours) {
  if (fg === undefined) return text;
  const span = document.createElement("span");
  span.textContent = text;
  const back = hex(bg, colours, colours.background), front = hex(fg, colours, colours.foreground);
  span.style.color = readable(flags.includes("f") ? mixed(front, back) : front, back);
  if (bg !== "") span.style.background = back;
  if (flags.includes("b")) span.style.fontWeight = "bold";
  if (flags.includes("i")) span.style.fontStyle = "italic";
  if (flags.includes("u")) span.style.textDecoration = "underline";
  if (flags.includes("s")) span.style.textDecoration = "line-through";
  if (cells) { span.className = "cells"; span.style.width = `${cells}ch`; }
  return span;
}

function hex(colour, colours, own) {
  if (colour === "") return own;
  if (colour === "fg") return colours.foreground;
  if (colour === "bg") return colours.background;
  return typeof colour === "number" ? colours.colours[colour] : colour;
}

const numbers = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
const text = (rgb) => "#" + rgb.map((n) => Math.round(n).toString(16).padStart(2, "0")).join("");
const mixed = (a, b) => { const other = numbers(b); return text(numbers(a).map((n, at) => (n + other[at]) / 2)); };

function luminance(rgb) {
  const [r, g, b] = rgb.map((n) => (n / 255 <= 0.03928 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [one, two] = [luminance(a) + 0.05, luminance(b) + 0.05];
  return Math.max(one, two) / Math.min(one, two);
}

const seen = new Map(); // "fg bg" -> a foreground that can be read

// The colour itself, or the nearest step towards black or white that has the contrast.
export function readable(fg, bg) {
  const key = fg + bg;
  if (!seen.has(key)) {
    if (seen.size > 5000) seen.clear();
    seen.set(key, text(stepped(numbers(fg), numbers(bg))));
  }
  return seen.get(key);
}

function stepped(fg, bg) {
  if (contrast(fg, bg) >= RATIO) return fg;
  const ways = luminance(fg) < luminance(bg) ? [0, 255] : [255, 0];
  let best = fg;
  for (const goal of ways) {
    for (let part = 0.1; part <= 1.01; part += 0.1) {
      const tried = fg.map((n) => n + (goal - n) * Math.min(1, part));
      if (contrast(tried, bg) > contrast(best, bg)) best = tried;
      if (contrast(tried, bg) >= RATIO) return tried;
    }
  }
  return best;
}

// The picture fills the card's width, unless its letters would be too small to tell anything.
export function scale(made) {
  const pre = made.querySelector("pre"), shot = made.querySelector(".shot");
  if (!shot.clientWidth || pre.dataset.drawn === undefined) return;
  pre.style.transform = "";
  const wide = shot.clientWidth / (pre.scrollWidth + 12), tall = shot.clientHeight / (pre.scrollHeight + 12);
  const factor = Math.min(1.2, Math.max(Math.min(wide, 1.2), Math.min(tall, 0.55)));
  pre.style.transform = `scale(${factor})`;
  // Its last rows are what counts, unless a program draws the whole screen.
  const low = pre.dataset.drawn !== "full" && pre.scrollHeight * factor >= shot.clientHeight;
  Object.assign(pre.style, low
    ? { top: "auto", bottom: "0", transformOrigin: "left bottom" }
    : { top: "0", bottom: "auto", transformOrigin: "left top" });
}
