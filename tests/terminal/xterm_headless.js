// Feeds files to @xterm/headless and writes the visible rows and the cursor as JSON.
// usage: node xterm_headless.js PATH_OF_PACKAGE ROWS COLS FILE...
const fs = require('fs');
const { Terminal } = require(process.argv[2]);
const [rows, cols] = [Number(process.argv[3]), Number(process.argv[4])];
(async () => {
  const out = [];
  for (const file of process.argv.slice(5)) {
    const term = new Terminal({ rows, cols, allowProposedApi: true });
    await new Promise((done) => term.write(fs.readFileSync(file), done));
    const buffer = term.buffer.active;
    const text = [];
    for (let y = 0; y < rows; y++) {
      text.push(buffer.getLine(buffer.baseY + y).translateToString(true).trimEnd());
    }
    out.push({ rows: text, cursor: [buffer.cursorY, Math.min(buffer.cursorX, cols - 1)] });
    term.dispose();
  }
  process.stdout.write(JSON.stringify(out));
})();
