"use strict";

const at = id => document.getElementById(id);
const shown = { edges: [], lines: [], state: null, connected: false };
// Everything this page has shown, in order. Tests read it.
window.jarvisBoard = shown;

const TONES = { valid: "good", "valid-cached": "held", starting: "wait" };
// A hint for outcomes without a reason of their own.
const NEXT = {
  valid: {
    fix: "Switch the auth service off. The node keeps its verdict for a while, and its LED says so.",
  },
  "no power": { fix: "Switch the power on again. It starts with the files on its card." },
};
const toneOf = outcome => outcome ? TONES[outcome] || "bad" : "off";
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const say = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

// ── Time. Board time is mapped to this page's clock. The event with the shortest delay tells the difference
// best. Edges are shown a moment later, so that none arrives too late for its time.
const LATE_MS = 80, REMEMBER_MS = 20000;
let samples = [], offset = null;
function hear(boardMs) {
  const now = performance.now();
  samples = samples.filter(s => now - s.now < REMEMBER_MS);
  samples.push({ now, offset: now - boardMs });
  offset = Math.min(...samples.map(s => s.offset));
}
const boardNow = () => performance.now() - offset;
const pad = (n, width = 2) => String(n).padStart(width, "0");
function wallTime(boardMs) {
  const t = new Date(Date.now() - (boardNow() - boardMs));
  const tenths = Math.floor(t.getMilliseconds() / 100);
  return `${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}.${tenths}`;
}
const lasting = ms => ms < 1000 ? `${Math.round(ms)} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s`
  : `${Math.floor(ms / 60000)} min ${pad(Math.floor(ms / 1000) % 60)} s`;
