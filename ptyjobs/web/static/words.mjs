// Figures as words: ages, times, amounts, and the state of a job.

export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

export function clock(seconds) {
  const tenths = Math.floor(seconds * 10) / 10;
  return `${Math.floor(tenths / 60)}:${(tenths % 60).toFixed(1).padStart(4, "0")}`;
}

export function amount(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let n = 0;
  while (bytes >= 1000 && n < 3) { bytes /= 1000; n++; }
  return `${n && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[n]}`;
}

export const number = (n) => n.toLocaleString("en");

// How long ago an ended job ended, or how long a live one has run.
export function since(job) {
  const now = Date.now() / 1000;
  return job.ended ? `${age(now - (job.finished || job.started))} ago` : age(now - job.started);
}

// What a disk did not take of a job's output, and why.
export function trouble(job) {
  const words = job.no_room ? [job.no_room] : [];
  if (job.lost) words.push(`${amount(job.lost)} of its output could not be written to disk`);
  return words.join(" · ");
}

// What a job is about beside its state: figures that are worth a look.
export function figures(job) {
  const words = [];
  if (job.held) words.push(job.held);
  if (job.ready) words.push(`for ${age(Date.now() / 1000 - job.ready)}`);
  if (job.listening.length) words.push(`on ${job.listening.slice(0, 3).join(", ")}${job.listening.length > 3 ? " …" : ""}`);
  if (job.cpu >= 1) words.push(`${job.cpu} % CPU`);
  if (job.attached) words.push(`${job.attached} attached`);
  return words;
}
