// All jobs as cards: the live ones, then the newest of those that have ended.

import { $, connection, make, page } from "/page.mjs";
import { Link } from "/feed.mjs";
import { card, draw, scale, update } from "/card.mjs";
import { number } from "/words.mjs";

const PAGE = 60; // ended jobs at once
const KEPT = 400; // cards that are kept while they are not shown

export function overview() {
  document.title = "ptyjobs";
  const cards = new Map(); // job id -> { item, card, picture, job }
  const visible = new Set();
  let head = null, limit = PAGE, asking = 0, arrived = false;

  const link = new Link(() => "/ws/jobs", {
    state: connection,
    open: () => { ask(); see(); },
    bytes: () => {},
    text: (message) => {
      if (message.type === "jobs") { head = message; show(message.rows); }
      else if (message.type === "picture") {
        const known = cards.get(message.job_id);
        if (known) { known.picture = message; draw(known.card, message); }
      }
    },
  });

  const ask = () => link.send(JSON.stringify({ filter: $("filter").value, ended: $("ended").checked, limit }));
  const see = () => {
    cancelAnimationFrame(asking);
    asking = requestAnimationFrame(() => link.send(JSON.stringify({ visible: [...visible] })));
  };
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) visible.add(target.dataset.job); else visible.delete(target.dataset.job);
    }
    see();
  }, { rootMargin: "200px" });
  const resized = new ResizeObserver(() => { for (const { card } of cards.values()) scale(card); });
  resized.observe($("overview"));

  function known(job) {
    let found = cards.get(job.job_id);
    if (!found) {
      const made = card(job);
      found = { item: make("li", {}, made), card: made, picture: null };
      cards.set(job.job_id, found);
      watch.observe(made);
    }
    found.job = job;
    update(found.card, job);
    return found;
  }

  function show(rows) {
    rows.forEach(known);
    const order = head.order.map((id) => cards.get(id));
    const live = order.filter(({ job }) => !job.ended), ended = order.filter(({ job }) => job.ended);
    place($("live"), live);
    place($("past"), ended);
    const shown = new Set(head.order);
    for (const [id, { card, item }] of cards) {
      if (shown.has(id)) continue;
      item.remove();
      visible.delete(id);
      if (cards.size > KEPT + shown.size) { watch.unobserve(card); cards.delete(id); }
    }
    $("live-part").hidden = !live.length;
    $("past-part").hidden = !ended.length;
    $("more").hidden = !head.more;
    $("more").textContent = `Show ${number(Math.min(PAGE, head.matches - order.length))} more`;
    const filtered = $("filter").value.trim();
    $("count").textContent = `${number(head.live)} running, ${number(head.all)} in all`
      + (filtered ? `; ${number(head.matches)} match` : "");
    $("none").hidden = head.all > 0;
    $("nomatch").hidden = order.length > 0 || head.all === 0;
    $("nomatch-words").textContent = filtered
      ? `No job matches “${filtered}”${$("ended").checked ? "" : " among those that run"}.`
      : "No job is running.";
    if (!arrived) { arrived = true; performance.mark("first card"); }
  }

  function place(list, wanted) {
    wanted.forEach(({ item }, at) => { if (list.children[at] !== item) list.insertBefore(item, list.children[at]); });
    while (list.children.length > wanted.length) list.lastChild.remove();
  }

  const ages = setInterval(() => { for (const { card, job, item } of cards.values()) if (item.isConnected) update(card, job); }, 2000);
  const redraw = () => { for (const { card, picture } of cards.values()) if (picture) draw(card, picture); };
  page.addEventListener("theme", redraw);
  const filter = () => { limit = PAGE; ask(); };
  $("filter").oninput = filter;
  $("ended").onchange = filter;
  $("clear").onclick = () => { $("filter").value = ""; $("ended").checked = true; filter(); $("filter").focus(); };
  $("more").onclick = () => { limit += PAGE; ask(); };
  return () => {
    clearInterval(ages);
    cancelAnimationFrame(asking);
    page.removeEventListener("theme", redraw);
    watch.disconnect();
    resized.disconnect();
    link.close();
    $("live").replaceChildren();
    $("past").replaceChildren();
  };
}
