"use strict";

// ── The state.
function showState(state) {
  shown.state = state;
  const { node, server } = state, name = node.powered ? node.outcome || "starting" : "no power";
  const outcome = at("outcome"), tone = `tone-${toneOf(node.powered ? name : null)}`;
  if (outcome.className !== tone) outcome.className = tone;
  at("now").className = `now ${tone}`;
  say("outcome-name", name);
  say("now-name", name);
  say("outcome-words", node.powered ? node.words : "the program was stopped where it stood");
  const { reason = node.reason, fix = node.fix } = node.reason || node.fix ? {} : NEXT[name] || {};
  for (const [what, text] of [["reason", reason], ["fix", fix]]) {
    at(`${what}-label`).hidden = !text;
    say(what, text || "");
  }
  say("fix-label", name === "valid" ? "Now try" : "What to do");
  document.title = `${name} · node-sim board`;
  at("bench").classList.toggle("unpowered", !node.powered);
  say("led-words", node.led);
  say("node-id", node.node_id || "a node without a name");
  const faults = server.faults || [];
  const is = server.kind === "real" ? "a real one" : !server.up ? "down" : faults.join(", ") || "up";
  say("server-is", `${is}, ${server.url}`);
  at("link").classList.toggle("asking", node.powered && node.calling_since_ms !== null);
  at("link").classList.toggle("cut", !node.powered || server.up === false);
  say("attempts", node.powered ? String(node.attempts) : "–");
  say("node-clock", node.powered && node.clock ? node.clock.replace("T", " ").replace("Z", "") : "–");
  say("memory-own", node.memory ? `${node.memory.anon_kib} KiB` : "–");
  say("memory-all", node.memory ? `${node.memory.resident_kib} KiB` : "–");
  const s = state.settings;
  at("note").hidden = !s || server.kind === "real";
  if (s) {
    say("note", `Time runs faster here: the node asks every ${s.revalidate_secs} s, not every five `
      + `minutes, and a good verdict lasts ${s.offline_grace_secs} s without the service, not a day.`);
  }
  showMoment();
  showControls();
}
function showMoment() {
  const node = shown.state && shown.state.node;
  if (!node || !shown.connected) return;
  const asking = node.powered && node.calling_since_ms !== null;
  const now = boardNow(), left = Math.ceil((node.next_check_ms - now) / 1000);
  const next = !node.powered || node.next_check_ms === null ? "" : left > 0 ? `in ${left} s` : "now";
  const asked = asking ? lasting(Math.max(0, now - node.calling_since_ms)) : "";
  const waits = next ? `asks again ${next}` : "waits";
  say("node-does", !node.powered ? "dark" : asking ? `has been asking for ${asked}` : waits);
  say("next-check", asking ? "under way" : next || "–");
  const open = at("open-call");
  if (open) setTook(open, now - Number(open.dataset.since));
}
setInterval(showMoment, 250);
