// One job's page: its terminal, search, copy, what can be saved, and the state in words.

import { Terminal } from "/vendor/xterm.mjs";
import { SearchAddon } from "/vendor/addon-search.mjs";
import { UnicodeGraphemesAddon } from "/vendor/addon-unicode-graphemes.mjs";
import { $, make, note, page, palette } from "/page.mjs";
import { session, socket } from "/feed.mjs";
import { age, amount, figures, number, since, trouble } from "/words.mjs";

const FONT = 14; // pixels: the letters of a job that was given the window's size
const MARKED = 1000; // matches that are marked
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

function colours() {
  const { foreground, background, colours: list } = palette();
  const theme = { foreground, background, cursor: foreground, cursorAccent: background, selectionBackground: "#4f7cc366" };
  NAMES.forEach((name, n) => {
    theme[name] = list[n];
    theme[`bright${name[0].toUpperCase()}${name.slice(1)}`] = list[n + 8];
  });
  return theme;
}

const MARKS = {
  matchBackground: "#6b5a1e", matchOverviewRuler: "#c9a227", activeMatchBackground: "#c2410c", activeMatchColorOverviewRuler: "#f97316",
};

export function terminal() {
  $("terminal").replaceChildren();
  $("about").dataset.mood = "";
  $("trouble").hidden = true;
  $("buttons").hidden = false;
  const term = new Terminal({
    allowProposedApi: true, scrollback: 6000, disableStdin: true, theme: colours(), cursorBlink: false,
    fontFamily: '"DejaVu Sans Mono", ui-monospace, Menlo, Consolas, monospace', fontSize: FONT,
    minimumContrastRatio: 4.5, screenReaderMode: Boolean(localStorage.getItem("reader")),
    scrollOnUserInput: true,
  });
  const search = new SearchAddon({ highlightLimit: MARKED });
  term.loadAddon(search);
  term.loadAddon(new UnicodeGraphemesAddon());
  term.open($("terminal"));
  term.textarea?.setAttribute("aria-label", "Terminal. Control Shift L leaves it.");
  // Tab belongs to the program only while it can be typed to; the page's own keys never do.
  term.attachCustomKeyEventHandler((event) => {
    if (event.ctrlKey && event.shiftKey && ["f", "l"].includes(event.key.toLowerCase())) return false;
    return !(term.options.disableStdin && event.key === "Tab");
  });
  searching(term, search);
  const paint = () => { term.options.theme = colours(); };
  page.addEventListener("theme", paint);
  $("copy").onclick = () => copy(term);
  const size = sizing(term);
  window.ptyjobsTerminal = term; // for tests and the console
  return {
    term, size,
    end: () => { page.removeEventListener("theme", paint); size.end(); term.dispose(); $("needle").value = ""; $("found").textContent = ""; },
  };
}

function searching(term, search) {
  const find = (backwards, typed) => {
    const words = $("needle").value;
    if (!words) { search.clearDecorations(); $("found").textContent = ""; return; }
    const options = { decorations: MARKS, incremental: typed };
    if (backwards) search.findPrevious(words, options); else search.findNext(words, options);
  };
  search.onDidChangeResults(({ resultIndex, resultCount }) => {
    const all = resultCount >= MARKED ? `${number(MARKED)} or more` : number(resultCount);
    $("found").textContent = !$("needle").value ? "" : !resultCount ? "no match"
      : resultIndex < 0 ? `${all} matches` : `${number(resultIndex + 1)} of ${all}`;
  });
  $("needle").oninput = () => find(false, true);
  $("search").onsubmit = (event) => { event.preventDefault(); find(false); };
  $("before").onclick = () => find(true);
  $("needle").onkeydown = (event) => {
    if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); find(true); }
    if (event.key === "Escape") { $("needle").value = ""; find(false); term.focus(); }
  };
}

async function copy(term) {
  const rows = [];
  for (let n = 0; n < term.rows; n++) rows.push(term.buffer.active.getLine(term.buffer.active.viewportY + n)?.translateToString(true) ?? "");
  const text = term.getSelection() || rows.join("\n").trimEnd();
  try { await navigator.clipboard.writeText(text); note(`${number(text.length)} characters copied`); }
  catch { note("The browser does not allow copying here."); }
}

// The terminal keeps the job's size: its letters are made to fit the window. Below the smallest
// that can be read the page scrolls sideways instead.
function sizing(term) {
  const stage = $("stage"), measured = new Map();
  let overflows = false; // even the smallest letters are too wide
  // What is left for cells: without the stage's padding, the frame and its padding.
  const room = () => {
    const outer = getComputedStyle(stage), inner = getComputedStyle($("terminal"));
    const sides = (...names) => [outer, inner].flatMap((style) => names.map((name) => parseFloat(style[name]))).reduce((a, b) => a + b);
    // Scrollbars do not count, they come and go with the letters; a pixel less, the terminal rounds.
    return {
      wide: stage.offsetWidth - 1 - sides("paddingLeft", "paddingRight", "borderLeftWidth", "borderRightWidth"),
      tall: stage.offsetHeight - 1 - sides("paddingTop", "paddingBottom", "borderTopWidth", "borderBottomWidth"),
    };
  };
  const cell = (font) => {
    if (!measured.has(font)) {
      const probe = make("span", { textContent: "W".repeat(100) });
      Object.assign(probe.style, { position: "absolute", visibility: "hidden", font: `${font}px ${term.options.fontFamily}` });
      $("terminal").append(probe);
      measured.set(font, { wide: probe.getBoundingClientRect().width / 100, tall: Math.ceil(probe.offsetHeight) });
      probe.remove();
    }
    return measured.get(font);
  };
  const fit = () => {
    const { wide, tall } = room(), phone = window.innerWidth < 600;
    const [least, most] = phone ? [12, FONT] : [8, 18];
    let font = most;
    const fits = () => cell(font).wide * term.cols <= wide && (phone || cell(font).tall * term.rows <= tall);
    while (font > least && !fits()) font -= 0.5;
    overflows = cell(font).wide * term.cols > wide;
    if (term.options.fontSize !== font) term.options.fontSize = font;
  };
  term.onResize(fit);
  // On a narrow screen the cursor must not be typed out of sight. A hidden one, which is not drawn,
  // may be anywhere.
  let moved = false;
  term.onCursorMove(() => { moved = true; });
  term.onRender(() => {
    const follow = moved && overflows && stage.contains(document.activeElement);
    moved = false;
    if (!follow || !$("terminal").querySelector(".xterm-cursor")) return;
    const at = term.buffer.active.cursorX * cell(term.options.fontSize).wide;
    if (at < stage.scrollLeft || at > stage.scrollLeft + stage.clientWidth - 30) stage.scrollLeft = at - stage.clientWidth / 2;
  });
  const observer = new ResizeObserver(fit);
  observer.observe(stage);
  // Rows and columns that fill the window with letters of the usual size.
  const window_size = () => {
    const { wide, tall } = room();
    return { cols: Math.max(2, Math.floor(wide / cell(FONT).wide)), rows: Math.max(2, Math.floor(tall / cell(FONT).tall)) };
  };
  return { window: window_size, end: () => observer.disconnect() };
}

// --- the bar above it -------------------------------------------------------------------------

export function headline(job) {
  $("name").textContent = job.job_id;
  $("state").textContent = job.why;
  $("about").dataset.mood = job.mood;
  const words = [...figures(job), `${job.ended ? "ended" : "started"} ${since(job)}${job.ended ? "" : " ago"}`];
  if (!job.ended && job.heard) words.push(`last output ${age(Date.now() / 1000 - job.heard)} ago`);
  if (job.floor) words.push(`first ${amount(job.floor)} no longer kept`);
  if (job.target) words.push(`on ${job.target}`);
  words.push(`${job.cols}×${job.rows}`);
  $("facts").textContent = words.join(" · ");
  $("trouble").textContent = trouble(job);
  $("trouble").hidden = !trouble(job);
  $("command").textContent = job.command;
  $("directory").textContent = job.directory;
  document.title = `${job.job_id}: ${job.why}`;
}

// There is no such job: nothing to search, copy or save.
export function unknown(words) {
  $("state").textContent = words;
  $("about").dataset.mood = "failed";
  $("buttons").hidden = $("replay").hidden = true;
}

// --- the menu ---------------------------------------------------------------------------------

const SAVES = { log: "Log", text: "Text", cast: "Recording", png: "PNG", svg: "SVG", html: "HTML" };
const HINTS = { log: "The bytes as they were printed", text: "All its text", cast: "asciicast, for ptyjobs play and asciinema", png: "The screen", svg: "The screen", html: "The screen" };
const SIGNALS = { INT: "Interrupt", TERM: "Terminate", HUP: "Hang up", QUIT: "Quit", STOP: "Stop", CONT: "Continue", USR1: "User 1", USR2: "User 2" };

// `link` is the live connection of a job that can be acted on, null of a recording.
export async function menu(id, { link, time, term }) {
  const menu = $("menu");
  menu.open = false;
  const { saves = [] } = await session();
  $("saves").replaceChildren(...saves.map((kind) => make("button", {
    type: "button", textContent: SAVES[kind] ?? kind, title: HINTS[kind] ?? "",
    onclick: () => { menu.open = false; save(id, kind, time?.()); },
  })));
  $("signals").replaceChildren(...Object.entries(SIGNALS).map(([name, words]) => make("button", {
    type: "button", textContent: words, title: `SIG${name}`,
    onclick: () => { menu.open = false; link?.send(JSON.stringify({ signal: name })); },
  })));
  $("kill").onclick = () => {
    menu.open = false;
    $("sure-words").textContent = `End ${id} with all its processes?`;
    $("sure").showModal();
  };
  $("sure-yes").onclick = () => { link?.send(JSON.stringify({ kill: true })); $("sure").close(); };
  $("sure-no").onclick = () => $("sure").close();
  $("reader").checked = Boolean(localStorage.getItem("reader"));
  $("reader").onchange = () => {
    localStorage.setItem("reader", $("reader").checked ? "yes" : "");
    term.options.screenReaderMode = $("reader").checked;
  };
}

// Over a WebSocket, as everything: an address with the token in it would stay in the history.
function save(id, kind, time) {
  const at = time === undefined ? "" : `&time=${time}`;
  const asked = socket(`/ws/file/${encodeURIComponent(id)}?kind=${kind}&theme=${document.documentElement.dataset.theme}${at}`);
  const parts = [];
  let file = null, whole = false;
  note(`Saving ${id} …`);
  asked.onmessage = ({ data }) => {
    if (typeof data !== "string") { parts.push(data); return; }
    const message = JSON.parse(data);
    if (message.type === "file") file = message;
    else if (message.type === "error") { whole = true; note(message.message); asked.close(); }
    else if (message.type === "whole") {
      whole = true;
      const url = URL.createObjectURL(new Blob(parts, { type: file.media }));
      const anchor = make("a", { href: url, download: file.name });
      document.body.append(anchor);
      anchor.click();
      anchor.remove();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      note(file.note ? `${file.name}: ${file.note}` : `${file.name} is saved`);
    }
  };
  asked.onclose = () => { if (!whole) note(`${id} could not be saved: the connection was lost.`); };
}
