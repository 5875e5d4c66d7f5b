"use strict";

// ── The timeline.
const KINDS = { control: "you" };
const KEPT = 200;
function setTook(row, ms) {
  row.querySelector(".took span").textContent = lasting(ms);
  const share = Math.min(1, Math.log10(1 + ms) / Math.log10(30001));
  row.querySelector(".bar i").style.width = `${(100 * share).toFixed(1)}%`;
}
function addBar(row, ms) {
  const took = make("div", "took"), bar = make("div", "bar");
  bar.append(make("i"));
  took.append(bar, make("span"));
  row.append(took);
  setTook(row, ms);
}
function showLine(line) {
  shown.lines.push(line);
  if (shown.lines.length > 2000) shown.lines.splice(0, 1000);
  const list = at("lines");
  const empty = list.querySelector(".empty");
  if (empty) empty.remove();
  const open = at("open-call");
  // A call is shown while it is in flight; then its answer takes its place.
  if (open && line.kind !== "log" && line.kind !== "control" && line.kind !== "outcome") open.remove();
  const before = list.firstElementChild;
  if (line.kind === "answer" && before && before.dataset.same === `${line.ok} ${line.text}`) {
    before.dataset.times = Number(before.dataset.times || 1) + 1;
    before.querySelector("time").textContent = wallTime(line.at_ms);
    before.querySelector(".times").textContent = `${before.dataset.times} times in a row`;
    setTook(before, line.took_ms);
    return;
  }
  const row = make("li", `${line.kind}-row`);
  row.dataset.kind = line.kind;
  const time = make("time", "", wallTime(line.at_ms)), text = make("span", "text");
  row.append(time, make("span", "kind", KINDS[line.kind] || line.kind), text);
  if (line.kind === "outcome") {
    row.classList.add(`tone-${toneOf(line.outcome)}`);
    row.dataset.outcome = line.outcome;
    text.append(make("b", "", line.outcome));
  }
  text.append(line.text);
  if (line.kind === "answer") {
    row.classList.add(`tone-${line.ok ? "good" : line.ok === false ? "bad" : "held"}`);
    row.dataset.ok = line.ok;
    row.dataset.same = `${line.ok} ${line.text}`;
    text.append(make("span", "times"));
    addBar(row, line.took_ms);
  } else if (line.kind === "call") {
    row.id = "open-call";
    row.classList.add("tone-wait");
    row.dataset.since = line.at_ms;
    addBar(row, Math.max(0, boardNow() - line.at_ms));
  }
  list.prepend(row);
  while (list.children.length > KEPT) list.lastElementChild.remove();
}
at("show-log").addEventListener("change", event => {
  at("timeline").classList.toggle("no-log", !event.target.checked);
});
