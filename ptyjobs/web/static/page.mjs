// What all views share: the theme and its colours, notes, and where the page's parts are.

import { PALETTES } from "/palette.mjs";

export const $ = (id) => document.getElementById(id);
export const page = new EventTarget(); // "theme": the colours have changed
export const palette = () => PALETTES[document.documentElement.dataset.theme];

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
  page.dispatchEvent(new Event("theme"));
}

const system = matchMedia("(prefers-color-scheme: light)");
const wanted = () => localStorage.getItem("theme") || (system.matches ? "light" : "dark");
system.addEventListener("change", () => paint(wanted()));
addEventListener("storage", () => paint(wanted())); // another tab has changed it
paint(wanted());

export function flip() {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "light" ? "dark" : "light");
  paint(wanted());
}

export function note(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { $("note").hidden = true; }, 6000);
}

// The connection: "" while there is one, else why there is none.
export function connection(words) {
  $("link").textContent = words;
  document.body.classList.toggle("offline", Boolean(words));
}

export function make(tag, facts = {}, ...content) {
  const made = Object.assign(document.createElement(tag), facts);
  made.append(...content);
  return made;
}
