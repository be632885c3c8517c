// Server-sent events, and the knocking that makes them interesting.
import { byId, bytes, duration } from "./dom.js";

const SECONDS = 60;
const KNOCKS = 200;
// Browsers open six connections to one server over HTTP/1.1, and the events have one of them.
const AT_ONCE = 5;

const status = byId("events-status");
const knockButton = byId("knock");
const history = [];
let source = null;
let last = null;

knockButton.addEventListener("click", knock);

/** Listens while the page is visible: a page in the background has no use for the events. */
export function watchEvents() {
  const toggle = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", toggle);
  toggle();
}

function open() {
  if (source) return;
  source = new EventSource("events");
  source.onmessage = (event) => show(JSON.parse(event.data), event.lastEventId);
  source.onerror = () => {
    // After ten events the server ends the response, and the browser comes back by itself.
    if (source.readyState === EventSource.CLOSED) status.textContent = "the server does not answer";
  };
}

function close() {
  source?.close();
  source = null;
}

function show(counters, id) {
  byId("count-requests").textContent = counters.requests.toLocaleString("en");
  byId("count-active").textContent = counters.active.toLocaleString("en");
  byId("count-departed").textContent = counters.departed.toLocaleString("en");
  byId("count-uploaded").textContent = bytes(counters.uploaded);
  status.textContent = `event ${id}, up ${duration(counters.uptime * 1000)}`;
  if (last && last.process === counters.process) {
    history.push(Math.max(0, counters.requests - last.requests));
    history.splice(0, history.length - SECONDS);
    draw();
  }
  last = counters;
}

function draw() {
  const spark = byId("spark");
  const most = Math.max(5, ...history);
  const width = 300 / SECONDS;
  const columns = history.map((count, index) => {
    const column = document.createElementNS(spark.namespaceURI, "rect");
    const height = (count / most) * 54;
    column.setAttribute("x", (SECONDS - history.length + index) * width);
    column.setAttribute("y", 56 - height);
    column.setAttribute("width", width - 1);
    column.setAttribute("height", height);
    return column;
  });
  spark.replaceChildren(...columns);
}

/** Small requests, a few at once, and how long they took as the browser sees it. */
export async function knock() {
  knockButton.disabled = true;
  const result = byId("knock-result");
  const took = [];
  let left = KNOCKS;
  const knocker = async () => {
    while (left-- > 0) {
      const began = performance.now();
      const response = await fetch("knock", { cache: "no-store" }); // the cache would make them wait in line
      await response.text();
      took.push(performance.now() - began);
    }
  };
  const began = performance.now();
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, knocker));
    took.sort((a, b) => a - b);
    const whole = performance.now() - began;
    result.textContent = `${took.length} answers in ${duration(whole)}, median ${duration(took[took.length >> 1])}`;
  } catch (error) {
    result.textContent = `Nobody opened: ${error.message}`;
  } finally {
    knockButton.disabled = false;
  }
}
