"use strict";

// ── Faults.
let boxes = new Map(), wanted = new Set();
async function listFaults() {
  const response = await fetch("/faults");
  const list = await response.json();
  const rows = list.map(({ name, description }) => {
    const row = make("li"), label = make("label"), box = make("input");
    box.type = "checkbox";
    box.id = `fault-${name}`;
    box.addEventListener("change", () => want(name, box.checked));
    label.append(box, make("span", "name", name), make("span", "what", description));
    row.append(label);
    row.dataset.words = `${name} ${description}`.toLowerCase();
    boxes.set(name, box);
    return row;
  });
  at("fault-list").replaceChildren(...rows);
  say("fault-count", ` (${list.length})`);
  if (shown.state) showFaults(shown.state.server.faults || []);
}
function want(name, on) {
  if (on) wanted.add(name); else wanted.delete(name);
  act("fault", [...wanted]);
}
function showFaults(names) {
  wanted = new Set(names);
  for (const [name, box] of boxes) box.checked = wanted.has(name);
  if ([...at("chips").children].map(c => c.dataset.fault).join() === names.join()) return;
  at("chips").replaceChildren(...names.map(name => {
    const chip = make("button", "", `${name} ×`);
    chip.type = "button";
    chip.dataset.fault = name;
    chip.setAttribute("aria-label", `End the fault ${name}`);
    chip.addEventListener("click", () => {
      want(name, false);
      at("l-fault").focus();
    });
    return chip;
  }));
}
at("fault-search").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  let any = false;
  for (const row of at("fault-list").children) {
    row.hidden = !words.every(word => row.dataset.words.includes(word));
    any ||= !row.hidden;
  }
  at("fault-none").hidden = any;
});
