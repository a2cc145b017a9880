// The page: which view is shown, and the keys of all of them.

import { $, connection, flip } from "/page.mjs";
import { token } from "/feed.mjs";
import { overview } from "/overview.mjs";

const keys = {}; // those of the view that is shown
let leave = () => {}, shown = 0;

async function route() {
  leave();
  leave = () => {};
  connection("");
  for (const key of Object.keys(keys)) delete keys[key];
  const turn = ++shown;
  const [, kind, id] = location.hash.split("/");
  const one = (kind === "job" || kind === "replay") && id;
  $("overview").hidden = Boolean(one);
  $("one").hidden = !one;
  $("home").hidden = !one;
  if (!one) { leave = overview(); return; }
  // The terminal is a large file: the list does not wait for it.
  const view = kind === "job" ? (await import("/live.mjs")).live : (await import("/replay.mjs")).replay;
  if (turn === shown) leave = view(decodeURIComponent(id), keys);
}

$("theme").onclick = flip;
addEventListener("hashchange", () => { token(); route(); });
addEventListener("keydown", (event) => {
  const letter = event.key.toLowerCase();
  if (event.ctrlKey && event.shiftKey && !$("one").hidden) {
    if (letter === "f") { event.preventDefault(); $("needle").focus(); }
    if (letter === "l") { event.preventDefault(); $("home").focus(); } // the way out of the terminal
    return;
  }
  if (event.key === "Escape" && $("menu").open) { $("menu").open = false; $("menu").firstElementChild.focus(); return; }
  if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "t") flip();
  else if (event.key === "/" && !$("overview").hidden) { event.preventDefault(); $("filter").focus(); }
  else if (event.key in keys && event.target.tagName !== "BUTTON") { event.preventDefault(); keys[event.key](); }
});
addEventListener("click", (event) => { if (!$("menu").contains(event.target)) $("menu").open = false; });
token();
route();
