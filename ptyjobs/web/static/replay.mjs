// The past of a job: played, paused, sought, from one command to the next.

import { $, connection } from "/page.mjs";
import { Link } from "/feed.mjs";
import { headline, menu, terminal, unknown } from "/terminal.mjs";
import { clock } from "/words.mjs";

export function replay(id, keys) {
  const shown = terminal();
  const { term } = shown;
  $("replay").hidden = false;
  $("hold").hidden = $("fit").hidden = $("act").hidden = $("keys").hidden = true;
  $("mode").textContent = "replay";
  $("past-link").href = `#/job/${encodeURIComponent(id)}`;
  $("past-link").textContent = "Live";
  $("name").textContent = id;
  for (const part of ["state", "facts", "command", "directory"]) $(part).textContent = "";
  let line = null, time = 0, playing = false, queue = [], next = null, asked = false, expecting = null, timer = 0, last = 0;
  const link = new Link(() => `/ws/replay/${encodeURIComponent(id)}`, {
    state: connection,
    text: (message) => {
      if (message.type === "error") {
        link.close();
        if (line) $("state").textContent = message.message; else unknown(message.message);
        return;
      }
      if (message.type === "job") { headline(message.row); return; }
      if (message.type !== "timeline") { expecting = message; return; }
      const again = line !== null;
      line = message;
      term.resize(line.cols, line.rows);
      $("time").max = line.duration;
      $("time").step = Math.max(0.01, line.duration / 2000);
      $("marks").replaceChildren(...line.marks.map(([at]) => {
        const mark = document.createElement("i");
        mark.style.left = `${line.duration ? (100 * at) / line.duration : 0}%`;
        return mark;
      }));
      seek(again ? time : line.duration);
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
    $("time").setAttribute("aria-valuetext", `${clock(time)} of ${clock(line.duration)}`);
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
    const passed = ((now - last) / 1000) * Number($("speed").value);
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
    $("play").textContent = "Pause";
    last = performance.now();
    if (!asked) more(time);
    timer = requestAnimationFrame(step);
  }
  function pause() { playing = false; cancelAnimationFrame(timer); $("play").textContent = "Play"; }
  const jump = (way) => {
    const times = line.marks.map(([at]) => at);
    const to = way > 0 ? times.find((at) => at > time + 0.01) : [...times].reverse().find((at) => at < time - 0.01);
    seek(to ?? (way > 0 ? line.duration : 0));
  };
  $("play").onclick = () => (playing ? pause() : start());
  $("time").oninput = () => {
    const was = playing, to = Number($("time").value);
    pause();
    seek(to > line.duration - Number($("time").step) ? line.duration : to); // its steps end before the end
    if (was) start();
  };
  $("back").onclick = () => jump(-1);
  $("on").onclick = () => jump(1);
  keys[" "] = $("play").onclick;
  keys["["] = () => jump(-1);
  keys["]"] = () => jump(1);
  menu(id, { link: null, time: () => time, term });
  return () => { pause(); link.close(); shown.end(); };
}
