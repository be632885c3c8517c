// The streamed response: each line that arrives forges a bar of the gate.
import { byId, duration } from "./dom.js";

const bars = document.querySelectorAll("[data-bar]");
const progress = byId("stream-progress");
const status = byId("stream-status");
const startButton = byId("stream-start");
const stopButton = byId("stream-stop");
let running = null;

startButton.addEventListener("click", forge);
stopButton.addEventListener("click", () => running?.abort());

/** Runs the stream once, to its end or until somebody walks away. */
export async function forge() {
  running?.abort();
  const mine = (running = new AbortController());
  startButton.disabled = true;
  stopButton.disabled = false;
  progress.value = 0;
  for (const bar of bars) {
    bar.classList.add("waiting");
    bar.classList.remove("hot");
  }
  let received = 0;
  try {
    const response = await fetch("stream", { signal: mine.signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    for await (const part of lines(response.body)) {
      received = part.part;
      show(part);
    }
    status.textContent += " Done.";
  } catch (error) {
    status.textContent = mine.signal.aborted
      ? `You left after ${received} parts. The application was told at once and stopped.`
      : `It broke after ${received} parts: ${error.message}`;
  } finally {
    startButton.disabled = false;
    stopButton.disabled = true;
  }
}

/** The JSON lines of a body, each as soon as it is whole. */
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) yield JSON.parse(line);
  }
}

function show({ part, of, ms }) {
  for (const bar of document.querySelectorAll(`[data-bar="${part}"]`)) {
    bar.classList.remove("waiting");
    bar.classList.add("hot");
  }
  progress.max = of;
  progress.value = part;
  status.textContent = `Part ${part} of ${of}, made ${duration(ms)} after the first.`;
}
