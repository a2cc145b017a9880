// A WebSocket that comes back by itself, asks for what it has missed, and says why it cannot.

const PROTOCOL = "ptyjobs";
const TOKEN = "ptyjobs.token.";
const BEAT = 15000; // milliseconds between two questions whether the viewer is still there
const PATIENCE = 5000; // and how long an answer may take
const AGAIN = 5000; // at most between two tries to connect

// The token is shared by all tabs of this address. It comes in the fragment, which is never sent.
export function token() {
  const words = new URLSearchParams(location.hash.slice(1));
  const given = words.get("token"), job = words.get("job");
  if (given) {
    localStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + (job ? `#/job/${encodeURIComponent(job)}` : "#/"));
  }
  return localStorage.getItem("token") || "";
}

// The number by which people at other places tell this browser from another one.
export function number() {
  const own = localStorage.getItem("number") || String(100 + crypto.getRandomValues(new Uint16Array(1))[0] % 900);
  localStorage.setItem("number", own);
  return own;
}

// What the viewer allows, or in `words` why there is no connection to it.
export async function session() {
  try {
    const answer = await fetch("/session", { headers: { "X-Ptyjobs-Token": token() }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) {
      const facts = await answer.json();
      localStorage.setItem("kept", facts.kept ? "yes" : "");
      return { words: "", ...facts };
    }
    if (answer.status !== 401) return { words: `The viewer refuses this page: ${(await answer.text()).trim()}.` };
    return { words: token()
      ? "This address is no longer valid. Open the one that ptyjobs web printed last."
      : "This page needs the whole address that ptyjobs web printed." };
  } catch (failure) {
    if (failure.name === "TimeoutError") return { words: "The viewer does not answer." };
    return { words: localStorage.getItem("kept")
      ? `The viewer is not running. Start it again: ptyjobs web --port ${location.port}`
      : "The viewer is not running. Start ptyjobs web again and open the address that it prints." };
  }
}

export function socket(path) {
  const made = new WebSocket(`ws://${location.host}${path}`, [PROTOCOL, TOKEN + token()]);
  made.binaryType = "arraybuffer";
  return made;
}

export class Link {
  // path(): the address, asked anew for each connection.
  // on: { open(), text(object), bytes(Uint8Array), state(words) }; words are "" while connected.
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.tries = 0;
    this.over = false;
    this.heard = 0;
    this.beats = setInterval(() => this.beat(), BEAT);
    // A laptop that wakes up, a tab that is looked at again, a token that another tab was given.
    this.wake = () => { if (document.visibilityState === "visible") this.look(); };
    for (const name of ["online", "pageshow", "storage", "focus"]) addEventListener(name, this.wake);
    document.addEventListener("visibilitychange", this.wake);
    // A page that is left may be kept for the way back, with its connections: its person would stay.
    this.hide = () => { clearTimeout(this.timer); this.socket.onclose = this.socket.onopen = null; this.socket.close(); };
    addEventListener("pagehide", this.hide);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    const made = socket(this.path());
    this.socket = made;
    const late = setTimeout(() => { if (made === this.socket) this.lost(); }, PATIENCE);
    made.onopen = () => {
      clearTimeout(late);
      if (made !== this.socket) return;
      this.tries = 0;
      this.on.state("");
      this.on.open?.();
    };
    made.onmessage = ({ data }) => {
      if (made !== this.socket) return;
      this.heard++;
      if (typeof data !== "string") this.on.bytes(new Uint8Array(data));
      else if (data !== '{"type": "pong"}') this.on.text(JSON.parse(data));
    };
    made.onclose = () => { clearTimeout(late); if (made === this.socket) this.lost(); };
  }

  async lost() {
    if (this.over) return;
    const gone = this.socket;
    gone.onclose = gone.onopen = null;
    gone.close();
    clearTimeout(this.timer);
    const pause = Math.min(AGAIN, 100 * 2 ** this.tries++);
    this.timer = setTimeout(() => this.open(), pause);
    if (this.tries === 1) return; // most often it is there again at once
    const { words } = await session();
    if (!this.over && this.socket.readyState !== WebSocket.OPEN) this.on.state(words || "Reconnecting …");
  }

  // Is it there? A connection that died in a laptop's sleep looks open for minutes.
  beat() {
    if (this.over || this.socket.readyState !== WebSocket.OPEN) return;
    const asked = this.socket, heard = this.heard;
    this.send('{"ping": 1}');
    setTimeout(() => { if (this.socket === asked && this.heard === heard && asked.readyState === WebSocket.OPEN) this.lost(); }, PATIENCE);
  }

  look() {
    if (this.over) return;
    if (this.socket.readyState === WebSocket.OPEN) this.beat();
    else if (this.socket.readyState !== WebSocket.CONNECTING) this.open();
  }

  send(data) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    clearInterval(this.beats);
    for (const name of ["online", "pageshow", "storage", "focus"]) removeEventListener(name, this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    removeEventListener("pagehide", this.hide);
    this.socket.close();
  }
}
