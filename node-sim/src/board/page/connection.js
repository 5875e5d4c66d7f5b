"use strict";

// ── The connection. Events that were shown already are recognised by number; a new run clears the page.
let run = null, seen = {}, alive = 0;
function isNew(kind, id) {
  const cut = id.lastIndexOf("-"), number = Number(id.slice(cut + 1));
  if (id.slice(0, cut) !== run) {
    run = id.slice(0, cut);
    seen = {};
    at("lines").replaceChildren();
    shown.lines.length = shown.edges.length = waiting.length = 0;
  }
  if (kind === "state") return true;
  if (number <= (seen[kind] || 0)) return false;
  seen[kind] = number;
  return true;
}
function setConnected(connected) {
  if (shown.connected === connected) return;
  shown.connected = connected;
  at("lost").hidden = connected;
  document.body.classList.toggle("lost", !connected);
  showControls();
}
function connect() {
  const source = new EventSource("/events");
  const on = (kind, then) => source.addEventListener(kind, event => {
    alive = performance.now();
    const data = JSON.parse(event.data), fresh = isNew(kind, event.lastEventId);
    setConnected(true);
    if (fresh) then(data);
  });
  on("state", state => {
    hear(state.now_ms);
    showState(state);
    if (!boxes.size && state.server.kind === "stub") listFaults().catch(() => boxes.clear());
  });
  on("edge", edge => {
    hear(edge.at_ms);
    waiting.push(edge);
    showDue();
  });
  on("line", showLine);
  source.onerror = () => {
    setConnected(false);
    // The browser reconnects by itself, unless the request was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  };
}
// A state arrives every second or two, so a board that is silent for long hangs. There is no need to
// reconnect: once the board goes on, so does the stream.
setInterval(() => {
  if (performance.now() - alive > 10000) setConnected(false);
}, 1000);
connect();

new IntersectionObserver(([entry]) => at("head").classList.toggle("scrolled", !entry.isIntersecting))
  .observe(at("outcome"));
