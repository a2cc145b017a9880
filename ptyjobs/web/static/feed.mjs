// A WebSocket that comes back by itself, asks for what it has missed, and shows a gap as such.

const PROTOCOL = "ptyjobs";
const TOKEN = "ptyjobs.token.";

export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + "#/");
  }
  return sessionStorage.getItem("token") || "";
}

export class Link {
  // path(): the address, asked anew for each connection; on: { text(object), bytes(Uint8Array), state(text) }
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.tries = 0;
    this.over = false;
    this.open();
  }

  open() {
    const socket = new WebSocket(`ws://${location.host}${this.path()}`, [PROTOCOL, TOKEN + token()]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => { this.tries = 0; this.on.state(""); };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.on.text(JSON.parse(data));
      else this.on.bytes(new Uint8Array(data));
    };
    socket.onclose = () => {
      if (this.over || socket !== this.socket) return;
      const wait = Math.min(8, 0.25 * 2 ** this.tries++);
      this.on.state(this.tries > 3 ? "not connected: is the viewer still running?" : "reconnecting…");
      this.timer = setTimeout(() => this.open(), wait * 1000);
    };
  }

  send(data) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    this.socket.close();
    this.on.state("");
  }
}
