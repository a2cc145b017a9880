// A live job: its bytes as they come, what is typed, its state in words.

import { $, connection, note } from "/page.mjs";
import { Link, number } from "/feed.mjs";
import { headline, menu, terminal, unknown } from "/terminal.mjs";

const STEP = 128 << 10; // bytes drawn after which the viewer is told
const KEYS = { Esc: "\x1b", Tab: "\t", "C-c": "\x03", "C-d": "\x04", "←": "\x1b[D", "↑": "\x1b[A", "↓": "\x1b[B", "→": "\x1b[C" };

export function live(id) {
  let held = "", asks = "", mine = false, others = [];
  let offset = null, write = false, over = false, rebuild = false, told = 0, drawn = 0, row = null;
  const shown = terminal();
  const { term } = shown;
  $("replay").hidden = true;
  $("past-link").href = `#/replay/${encodeURIComponent(id)}`;
  $("past-link").textContent = "Replay";
  $("name").textContent = id;
  $("state").textContent = "connecting …";
  for (const part of ["facts", "command", "directory", "mode"]) $(part).textContent = "";
  const may = (allowed) => {
    write = allowed;
    term.options.disableStdin = !allowed;
    $("fit").hidden = $("act").hidden = $("keys").hidden = $("hold").hidden = !allowed;
    if (!allowed) person({ held: "", asks: "", others: [], mine: false });
    mode();
  };
  // Who else is here is said beside what this page may do.
  const mode = () => {
    const words = over ? "" : write ? "you can type" : "read-only";
    $("mode").textContent = [words, ...(others.length && words ? [`with ${others.join(", ")}`] : [])].join(" · ");
  };
  may(false);
  $("mode").textContent = "";
  const show = () => { if (row) headline(row); };

  const link = new Link(() => `/ws/job/${encodeURIComponent(id)}?as=${number()}` + (offset === null ? "" : `&since=${offset}`), {
    state: (words) => {
      if (over) return;
      connection(words);
      if (!words) return; // connected: `mode` says the rest
      may(false);
      $("mode").textContent = "not connected";
    },
    open: () => { told = drawn = 0; },
    bytes: (data) => {
      const last = link.socket;
      const size = data.length;
      if (rebuild) { // reset and screen in one piece: between two a frame may show it empty
        rebuild = false;
        const whole = new Uint8Array(2 + data.length);
        whole.set([0x1b, 0x63]); // RIS
        whole.set(data, 2);
        data = whole;
      } else offset += size;
      term.write(data, () => {
        if (link.socket !== last) return;
        drawn += size;
        if (drawn - told >= STEP) { told = drawn; link.send(JSON.stringify({ drawn })); }
      });
    },
    text: (message) => {
      switch (message.type) {
        case "mode":
          may(message.write);
          if (write && document.activeElement === document.body) term.focus();
          break;
        case "job": row = message.row; show(); break;
        case "size": term.resize(message.cols, message.rows); break;
        case "offset": offset = message.offset; break;
        case "repaint": offset = message.offset; rebuild = true; break;
        case "skipped": skipped(); break;
        case "readonly": note("Read-only: start the viewer with --write to type."); break;
        case "person": person(message); mode(); break;
        case "did": note(message.words); break;
        case "refused": note(message.message); break;
        case "error":
          done();
          if (row) $("state").textContent = message.message; else unknown(message.message);
          break;
        case "exit":
          row = message.row;
          done();
          show();
          term.write("\x1b[?25l");
      }
    },
  });

  // Who holds the job, what an agent asks a person for, who else is here.
  function person(now) {
    $("hold").textContent = now.mine ? "Release" : "Hold";
    $("asked").hidden = !now.asks;
    $("asked-words").textContent = now.asks ? `Asked for a person: ${now.asks}` : "";
    document.title = now.asks ? `(!) ${id}: ${now.asks}` : id;
    if (now.asks && now.asks !== asks && "Notification" in window && Notification.permission === "granted") new Notification(`${id}: ${now.asks}`);
    if (now.held !== held) note(now.held ? (now.mine ? "You hold this job: nobody else types." : `${now.held}: what you type is refused.`) : "Released.");
    ({ held, asks, mine, others } = now);
  }
  $("hold").onclick = () => {
    if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
    link.send(JSON.stringify({ hold: !mine }));
    term.focus();
  };
  $("asked-done").onclick = () => link.send(JSON.stringify({ done: true }));
  $("asked-no").onclick = () => link.send(JSON.stringify({ done: false }));

  function done() {
    over = true;
    link.close();
    connection("");
    may(false);
  }
  function skipped() { // no alert for each: under a flood that is several times a second
    $("fast").hidden = false;
    clearTimeout(skipped.timer);
    skipped.timer = setTimeout(() => { $("fast").hidden = true; }, 2000);
  }
  term.onData((data) => { if (write) link.send(new TextEncoder().encode(data)); });
  term.onBinary((data) => { if (write) link.send(Uint8Array.from(data, (c) => c.charCodeAt(0))); });
  for (const button of $("keys").children) {
    button.onclick = () => {
      const cursor = button.textContent in { "←": 0, "↑": 0, "↓": 0, "→": 0 } && term.modes.applicationCursorKeysMode;
      const keys = KEYS[button.textContent];
      if (write) link.send(new TextEncoder().encode(cursor ? keys.replace("[", "O") : keys));
      term.focus();
    };
  }
  $("fit").onclick = () => { link.send(JSON.stringify(shown.size.window())); term.focus(); };
  menu(id, { link, term });
  const ages = setInterval(show, 2000);
  return () => { clearInterval(ages); link.close(); shown.end(); $("fast").hidden = true; };
}
