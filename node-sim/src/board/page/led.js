"use strict";

// ── The LED: changed by edges only.
const waiting = [];
let timer = null;
function showDue() {
  clearTimeout(timer);
  timer = null;
  while (waiting.length && waiting[0].at_ms + LATE_MS <= boardNow()) {
    const edge = waiting.shift();
    shown.edges.push(edge);
    if (shown.edges.length > 20000) shown.edges.splice(0, 10000);
    for (const id of ["led", "led-loupe", "now-led"]) at(id).dataset.lit = edge.lit;
  }
  if (waiting.length) timer = setTimeout(showDue, Math.max(0, waiting[0].at_ms + LATE_MS - boardNow()));
}

const WINDOW_MS = 10000, HIGH = 8, LOW = 44;
let drawn = "";
function draw() {
  if (offset === null) return;
  const end = boardNow() - LATE_MS, start = end - WINDOW_MS;
  const x = ms => ((ms - start) / WINDOW_MS * 1000).toFixed(1);
  let level = null, path = "", light = "", from = null;
  for (let i = firstSince(start); i < shown.edges.length; i++) {
    const edge = shown.edges[i], where = edge.at_ms < start ? "0" : x(edge.at_ms);
    path += level === null ? `M${where} ${edge.lit ? HIGH : LOW}` : `H${where}V${edge.lit ? HIGH : LOW}`;
    if (level && from !== null) light += `M${from} ${HIGH}H${where}V${LOW}H${from}z`;
    from = edge.lit ? where : null;
    level = edge.lit;
  }
  if (level !== null) path += "H1000";
  if (level) light += `M${from} ${HIGH}H1000V${LOW}H${from}z`;
  if (path === drawn) return;
  drawn = path;
  at("trace").setAttribute("d", path);
  at("light").setAttribute("d", light);
}
function firstSince(start) {
  let i = shown.edges.length - 1;
  while (i > 0 && shown.edges[i].at_ms >= start) i--;
  return Math.max(i, 0);
}
const still = matchMedia("(prefers-reduced-motion: reduce)");
let lastDrawn = 0;
function animate(now) {
  if (now - lastDrawn > (still.matches ? 1000 : 40)) {
    lastDrawn = now;
    draw();
  }
  requestAnimationFrame(animate);
}
requestAnimationFrame(animate);
