"use strict";

// ── The controls. Every switch is on while all is well.
const SWITCHES = {
  server: { on: s => s.server.up !== false, value: on => on },
  wrong_ca: { on: s => !s.node.wrong_ca, value: on => !on },
  clock: { on: s => !s.node.clock_1970, value: on => on ? "now" : "1970" },
  power: { on: s => s.node.powered, value: on => on ? "on" : "pull" },
};
const BUTTONS = ["rotate", "deactivate", "install", "reload"];
const hints = {};
function showControls() {
  const state = shown.state;
  for (const name of [...Object.keys(SWITCHES), ...BUTTONS, "fault"]) {
    const control = at(`control-${name}`), known = state && state.controls[name];
    const enabled = Boolean(shown.connected && known && known.enabled);
    if (control.disabled === enabled) control.disabled = !enabled;
    // The reason why a control is disabled takes the place of its hint.
    const hint = at(`h-${name}`), why = shown.connected && known && !known.enabled ? known.why : null;
    if (hints[name] === undefined) hints[name] = hint.textContent;
    if (hint.textContent !== (why || hints[name])) hint.textContent = why || hints[name];
    hint.classList.toggle("why", Boolean(why));
    if (name === "fault") hint.hidden = !why;
  }
  if (!state) return;
  for (const [name, { on }] of Object.entries(SWITCHES)) {
    at(`control-${name}`).setAttribute("aria-checked", on(state));
  }
  const byHand = state.server.kind === "real";
  if (byHand) hints.install = "Written to the node's copy of its files; the key is never shown again.";
  for (const field of document.querySelectorAll("#install-form .field")) field.hidden = !byHand;
  if (!posting) showFaults(state.server.faults || []);
}

let posting = 0, last = Promise.resolve();
function act(control, value) {
  const button = at(`control-${control}`), said = at(`said-${control}`);
  button.setAttribute("aria-busy", "true");
  posting++;
  // One request after the other, so that the last one wins.
  last = last.then(async () => {
    let answer;
    try {
      const response = await fetch("/do", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ control, value }),
      });
      answer = await response.json();
    } catch {
      answer = { ok: false, said: "The board did not answer; is it still running?" };
    }
    for (const other of document.querySelectorAll(".said")) if (other !== said) other.textContent = "";
    said.textContent = answer.said;
    said.classList.toggle("refused", !answer.ok);
    posting--;
    button.removeAttribute("aria-busy");
    if (!answer.ok && shown.state) showControls();
  });
  return last;
}
for (const [name, { value }] of Object.entries(SWITCHES)) {
  at(`control-${name}`).addEventListener("click", event => {
    if (event.currentTarget.getAttribute("aria-busy")) return;
    act(name, value(event.currentTarget.getAttribute("aria-checked") !== "true"));
  });
}
for (const name of ["rotate", "deactivate", "reload"]) {
  at(`control-${name}`).addEventListener("click", () => act(name, null));
}
at("install-form").addEventListener("submit", async event => {
  event.preventDefault();
  if (!shown.state || shown.state.server.kind !== "real") return act("install", null);
  const value = { node_id: at("install-id").value.trim(), node_key: at("install-key").value.trim() };
  at("install-key").value = "";
  act("install", value);
});
