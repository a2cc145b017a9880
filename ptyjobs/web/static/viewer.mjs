// The page: an overview, one live job, one job's past. Nothing of a job is ever put in as HTML.

import { Terminal } from "/vendor/xterm.mjs";
import { FitAddon } from "/vendor/addon-fit.mjs";
import { SearchAddon } from "/vendor/addon-search.mjs";
import { UnicodeGraphemesAddon } from "/vendor/addon-unicode-graphemes.mjs";
import { Link, token } from "/feed.mjs";

const $ = (id) => document.getElementById(id);
const THEME = { background: "#0c0f14", foreground: "#d8dde6", cursor: "#7fd1a1", selectionBackground: "#3a4a63" };
let leave = () => {};
token();

// --- theme, notes, clock ----------------------------------------------------------------------

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
}
paint(localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
const flip = () => paint(document.documentElement.dataset.theme === "light" ? "dark" : "light");
$("theme").onclick = flip;

function note(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { $("note").hidden = true; }, 6000);
}

function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

function clock(seconds) {
  const tenths = Math.floor(seconds * 10) / 10;
  return `${Math.floor(tenths / 60)}:${(tenths % 60).toFixed(1).padStart(4, "0")}`;
}

function state(text) { $("link").textContent = text; }

// --- the overview -----------------------------------------------------------------------------

function overview() {
  $("overview").hidden = false;
  $("one").hidden = true;
  $("where").textContent = "";
  document.title = "ptyjobs";
  const cards = new Map();
  let jobs = [];
  const link = new Link(() => "/ws/jobs", {
    state,
    bytes: () => {},
    text: (message) => {
      if (message.type === "jobs") { jobs = message.jobs; show(); }
      else if (message.type === "picture") draw(cards.get(message.job_id), message);
    },
  });
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) seen.add(target.dataset.job); else seen.delete(target.dataset.job);
    }
    ask();
  }, { rootMargin: "200px" });
  const ask = () => link.send(JSON.stringify({ visible: [...seen] }));
  const again = setInterval(() => { ask(); ages(); }, 2000);

  function show() {
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = jobs.filter((job) => ($("ended").checked || !job.ended)
      && words.every((word) => `${job.job_id} ${job.command} ${job.state}`.toLowerCase().includes(word)))
      .sort((a, b) => a.ended - b.ended); // newest first as they came, but what runs before what has ended
    for (const [id, card] of cards) {
      if (!kept.some((job) => job.job_id === id)) { watch.unobserve(card); card.parentNode.remove(); cards.delete(id); seen.delete(id); }
    }
    kept.forEach((job, place) => {
      let card = cards.get(job.job_id);
      if (!card) {
        card = make(job);
        cards.set(job.job_id, card);
        const item = document.createElement("li");
        item.append(card);
        $("grid").append(item);
        watch.observe(card);
      }
      update(card, job);
      const item = card.parentNode;
      if ($("grid").children[place] !== item) $("grid").insertBefore(item, $("grid").children[place]);
    });
    const running = jobs.filter((job) => !job.ended).length;
    $("count").textContent = `${running} running, ${jobs.length} in all`;
    $("none").hidden = jobs.length > 0;
  }

  function ages() {
    for (const job of jobs) {
      const card = cards.get(job.job_id);
      if (card) update(card, job);
    }
  }

  $("filter").oninput = show;
  $("ended").onchange = show;
  leave = () => { clearInterval(again); watch.disconnect(); link.close(); $("grid").replaceChildren(); };
}

function make(job) {
  const card = document.createElement("a");
  card.className = "card";
  card.href = `#/job/${encodeURIComponent(job.job_id)}`;
  card.dataset.job = job.job_id;
  const head = document.createElement("div");
  head.className = "head";
  head.append(Object.assign(document.createElement("span"), { className: "dot" }),
    document.createElement("b"), document.createElement("time"));
  const shot = document.createElement("div");
  shot.className = "shot";
  shot.setAttribute("aria-hidden", "true");
  shot.append(document.createElement("pre"));
  card.append(head, Object.assign(document.createElement("div"), { className: "command" }), shot);
  return card;
}

function update(card, job) {
  const now = Date.now() / 1000;
  card.querySelector(".dot").className = `dot ${job.state}`;
  card.querySelector("b").textContent = job.job_id;
  card.querySelector(".command").textContent = job.command;
  card.querySelector("time").textContent = job.ended
    ? `${job.exit || job.state} · ${age(now - (job.finished || job.started))} ago`
    : `${job.state} · ${age(now - job.started)}`;
  card.setAttribute("aria-label", `${job.job_id}, ${job.state}, ${job.command}`);
}

function draw(card, picture) {
  if (!card) return;
  const pre = card.querySelector("pre");
  pre.replaceChildren(...picture.lines.flatMap((runs) => {
    const row = runs.map(([text, style]) => {
      if (!style) return document.createTextNode(text);
      const span = document.createElement("span");
      const [fg, bg] = style.split(" ");
      span.textContent = text;
      span.style.color = fg;
      if (bg) span.style.background = bg;
      return span;
    });
    return [...row, document.createTextNode("\n")];
  }));
  const shot = card.querySelector(".shot");
  shot.classList.toggle("empty", !picture.lines.length);
  pre.style.transform = "";
  const wide = shot.clientWidth / (pre.scrollWidth + 12);
  const tall = shot.clientHeight / (pre.scrollHeight + 12);
  const scale = Math.min(1.3, Math.max(Math.min(wide, 1.3), Math.min(tall, 0.4)));
  pre.style.transform = `scale(${scale})`;
  if (pre.scrollHeight * scale < shot.clientHeight) { pre.style.top = "0"; pre.style.bottom = "auto"; pre.style.transformOrigin = "left top"; }
  else { pre.style.top = "auto"; pre.style.bottom = "0"; pre.style.transformOrigin = "left bottom"; }
}

// --- one terminal -----------------------------------------------------------------------------

function terminal({ write }) {
  $("overview").hidden = true;
  $("one").hidden = false;
  $("terminal").replaceChildren();
  const term = new Terminal({
    allowProposedApi: true, scrollback: 10000, disableStdin: !write, theme: THEME, cursorBlink: false,
    fontFamily: '"DejaVu Sans Mono", ui-monospace, Menlo, Consolas, monospace', fontSize: 14,
    screenReaderMode: false,
  });
  const search = new SearchAddon();
  const fit = new FitAddon();
  term.loadAddon(search);
  term.loadAddon(fit);
  term.loadAddon(new UnicodeGraphemesAddon());
  term.open($("terminal"));
  const find = (backwards) => {
    const found = backwards ? search.findPrevious($("needle").value) : search.findNext($("needle").value);
    if (!found && $("needle").value) note(`${$("needle").value}: not found here`);
  };
  $("search").onsubmit = (event) => { event.preventDefault(); find(false); };
  $("before").onclick = () => find(true);
  $("needle").onkeydown = (event) => {
    if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); find(true); }
    if (event.key === "Escape") term.focus();
  };
  $("copy").onclick = async () => {
    const rows = [];
    for (let n = 0; n < term.rows; n++) rows.push(term.buffer.active.getLine(term.buffer.active.viewportY + n)?.translateToString(true) ?? "");
    const text = term.getSelection() || rows.join("\n").trimEnd();
    try { await navigator.clipboard.writeText(text); note(`${text.length} characters copied`); }
    catch { note("the browser does not allow copying here"); }
  };
  let large = 99; // the smallest letters that were seen to be too large for the window
  const fitFont = () => {
    // Read-only, the terminal keeps the job's size: the letters are made to fit the window.
    const stage = $("stage"), cell = $("terminal").firstElementChild?.querySelector(".xterm-screen");
    if (!cell || !cell.clientWidth) return;
    const wide = (stage.clientWidth - 20) / cell.clientWidth, tall = (stage.clientHeight - 18) / cell.clientHeight;
    const least = window.innerWidth < 600 ? 9 : 6; // smaller ones nobody reads: then it is scrolled
    const now = term.options.fontSize, ratio = Math.min(wide, tall);
    if (ratio < 1) large = Math.min(large, now); // cells are whole pixels: the ratio is no promise
    const size = Math.max(least, Math.min(18, large - 0.5, Math.floor(now * ratio * 2) / 2));
    if (Math.abs(size - now) >= 0.5) term.options.fontSize = size;
  };
  // A terminal takes its new size some pictures later, and other letters change the ratio again.
  const soon = () => { large = 99; for (const pause of [0, 50, 150, 400]) setTimeout(fitFont, pause); };
  term.onResize(soon);
  const observer = new ResizeObserver(soon);
  observer.observe($("stage"));
  window.ptyjobsTerminal = term; // for tests and the console
  return { term, fit, end: () => { observer.disconnect(); term.dispose(); } };
}

function headline(id, words) {
  const name = document.createElement("b");
  name.textContent = id;
  $("where").replaceChildren(name, ` ${words}`);
  document.title = `${id} · ptyjobs`;
}

// --- a live job -------------------------------------------------------------------------------

function live(id) {
  let offset = null, write = false, over = false, rebuild = false, shown = null;
  shown = terminal({ write: true });
  const { term } = shown;
  term.options.disableStdin = true;
  $("replay").hidden = true;
  $("past").href = `#/replay/${encodeURIComponent(id)}`;
  $("past").textContent = "Replay";
  $("state").textContent = "connecting…";
  headline(id, "");
  const link = new Link(() => `/ws/job/${encodeURIComponent(id)}` + (offset === null ? "" : `?since=${offset}`), {
    state: (text) => {
      if (over) return;
      state(text);
      if (!text) return; // connected: `mode` says the rest
      term.options.disableStdin = true;
      $("state").textContent = "not connected";
    },
    bytes: (data) => {
      if (rebuild) { rebuild = false; term.write(data); return; }
      term.write(data);
      offset += data.length;
    },
    text: (message) => {
      switch (message.type) {
        case "mode":
          write = message.write;
          term.options.disableStdin = !write;
          $("fit").hidden = !write;
          $("state").textContent = write ? "live, you can type" : "live, read-only";
          if (write) term.focus();
          break;
        case "size": term.resize(message.cols, message.rows); break;
        case "offset": offset = message.offset; break;
        case "repaint": offset = message.offset; rebuild = true; term.reset(); break;
        case "skipped": note(`${message.bytes.toLocaleString()} bytes were passed over: too fast to show`); break;
        case "readonly": note("read-only: start the viewer with --write to type"); break;
        case "error": over = true; link.close(); $("state").textContent = message.message; break;
        case "exit": {
          over = true;
          link.close();
          const end = message.status.exit;
          const how = end ? (end.signal ? `ended by signal ${end.signal}` : `exited with code ${end.code}`) : message.status.state;
          $("state").textContent = `ended: ${how}`;
          term.options.disableStdin = true;
          term.write("\x1b[?25l");
        }
      }
    },
  });
  term.onData((data) => { if (write) link.send(new TextEncoder().encode(data)); });
  term.onBinary((data) => { if (write) link.send(Uint8Array.from(data, (c) => c.charCodeAt(0))); });
  $("fit").onclick = () => {
    term.options.fontSize = 14;
    const size = shown.fit.proposeDimensions();
    if (size) link.send(JSON.stringify({ rows: size.rows, cols: size.cols }));
  };
  leave = () => { link.close(); shown.end(); };
}

// --- the past of a job ------------------------------------------------------------------------

function replay(id) {
  const shown = terminal({ write: false });
  const { term } = shown;
  $("replay").hidden = false;
  $("fit").hidden = true;
  $("past").href = `#/job/${encodeURIComponent(id)}`;
  $("past").textContent = "Live";
  $("state").textContent = "";
  headline(id, "replay");
  let line = null, time = 0, playing = false, queue = [], next = null, asked = false, expecting = null, timer = 0, last = 0;
  const link = new Link(() => `/ws/replay/${encodeURIComponent(id)}`, {
    state,
    text: (message) => {
      if (message.type === "error") { link.close(); $("state").textContent = message.message; return; }
      if (message.type !== "timeline") { expecting = message; return; }
      line = message;
      term.resize(line.cols, line.rows);
      $("time").max = line.duration;
      $("time").step = Math.max(0.01, line.duration / 2000);
      $("marks").replaceChildren(...line.marks.map(([at]) => {
        const mark = document.createElement("i");
        mark.style.left = `${line.duration ? (100 * at) / line.duration : 0}%`;
        return mark;
      }));
      seek(line.duration);
    },
    bytes: (data) => {
      const told = expecting;
      expecting = null;
      if (told.type === "seeked") {
        term.reset();
        term.resize(told.cols, told.rows);
        term.write(data);
        asked = false;
        if (playing) more(time);
      } else if (told.type === "events") {
        let at = 0;
        for (const [when, size, rows, cols] of told.items) {
          queue.push({ when, data: data.subarray(at, at + size), rows, cols });
          at += size;
        }
        next = told.next;
        asked = false;
      }
      window.ptyjobsReplay = { time, playing, queued: queue.length };
    },
  });
  function more(from) { if (!asked) { asked = true; link.send(JSON.stringify({ from })); } }
  function tell() {
    $("time").value = time;
    $("clock").textContent = `${clock(time)} / ${clock(line.duration)}`;
    const past = line.marks.filter(([at]) => at <= time + 1e-6);
    $("what").textContent = past.length ? past[past.length - 1][1] : "";
  }
  function seek(to) {
    time = Math.max(0, Math.min(to, line.duration));
    queue = [];
    next = null;
    asked = true;
    link.send(JSON.stringify({ seek: time }));
    tell();
  }
  function step(now) {
    if (!playing) return;
    let passed = ((now - last) / 1000) * Number($("speed").value);
    last = now;
    const coming = queue.length ? queue[0].when : null;
    if (coming !== null && $("idle").checked && coming - time > 1.5 && passed < coming - time) time = coming - 1; // a long pause
    time = Math.min(time + passed, line.duration);
    while (queue.length && queue[0].when <= time) {
      const event = queue.shift();
      if (event.rows) term.resize(event.cols, event.rows);
      else term.write(event.data);
    }
    if (!queue.length && next !== null) more(next);
    if (time >= line.duration && !queue.length) pause();
    tell();
    window.ptyjobsReplay = { time, playing, queued: queue.length };
    timer = requestAnimationFrame(step);
  }
  function start() {
    if (!line) return;
    if (time >= line.duration) seek(0);
    playing = true;
    $("play").textContent = "⏸";
    last = performance.now();
    if (!asked) more(time);
    timer = requestAnimationFrame(step);
  }
  function pause() { playing = false; cancelAnimationFrame(timer); $("play").textContent = "▶"; }
  const jump = (way) => {
    const times = line.marks.map(([at]) => at);
    const to = way > 0 ? times.find((at) => at > time + 0.01) : [...times].reverse().find((at) => at < time - 0.01);
    seek(to ?? (way > 0 ? line.duration : 0));
  };
  $("play").onclick = () => (playing ? pause() : start());
  $("time").oninput = () => { const was = playing; pause(); seek(Number($("time").value)); if (was) start(); };
  $("back").onclick = () => jump(-1);
  $("on").onclick = () => jump(1);
  replay.keys = { " ": $("play").onclick, "[": () => jump(-1), "]": () => jump(1) };
  leave = () => { pause(); link.close(); shown.end(); replay.keys = {}; };
}
replay.keys = {};

// --- where we are, and keys -------------------------------------------------------------------

function route() {
  leave();
  leave = () => {};
  state("");
  const [, kind, id] = location.hash.split("/");
  if (kind === "job" && id) live(decodeURIComponent(id));
  else if (kind === "replay" && id) replay(decodeURIComponent(id));
  else overview();
}

addEventListener("hashchange", () => { token(); route(); });
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "f") { event.preventDefault(); $("needle").focus(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "t") flip();
  else if (event.key === "/" && !$("overview").hidden) { event.preventDefault(); $("filter").focus(); }
  else if (event.key in replay.keys && event.target.tagName !== "BUTTON") { event.preventDefault(); replay.keys[event.key](); }
});
route();
