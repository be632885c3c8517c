// The upload: progress as the browser sends, and the digest compared with the browser's own.
import { byId, bytes, duration } from "./dom.js";

const SAMPLE_BYTES = 16 * 1024 * 1024;
// getRandomValues gives no more at once.
const NOISE_PIECE = 65536;
// crypto.subtle wants the whole file in memory.
const CHECKED_BYTES = 256 * 1024 * 1024;

const progress = byId("upload-progress");
const status = byId("upload-status");
const drop = byId("drop");

byId("sample").addEventListener("click", sendSample);
byId("file").addEventListener("change", (event) => {
  if (event.target.files.length) send(event.target.files[0]);
  event.target.value = ""; // so that the same file can be chosen again
});
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", over);
    if (name === "drop" && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
}

/** Sends bytes that nobody has seen before. */
export function sendSample() {
  const noise = new Uint8Array(SAMPLE_BYTES);
  for (let at = 0; at < SAMPLE_BYTES; at += NOISE_PIECE) {
    crypto.getRandomValues(noise.subarray(at, at + NOISE_PIECE));
  }
  return send(new Blob([noise]));
}

async function send(file) {
  byId("upload-result").hidden = true;
  progress.value = 0;
  status.textContent = "Sending…";
  try {
    const began = performance.now();
    const answer = await post(file);
    const took = performance.now() - began;
    progress.value = 1;
    status.textContent = `${bytes(answer.size)} in ${duration(took)}, ${bytes(answer.size / (took / 1000))} a second.`;
    byId("upload-size").textContent = `${answer.size.toLocaleString("en")} bytes`;
    byId("upload-digest").textContent = answer.sha256;
    byId("upload-parts").textContent = `${answer.parts.toLocaleString("en")} parts, ${duration(answer.ms)}`;
    const check = byId("upload-check");
    const own = await digest(file);
    check.textContent = own === null ? "not computed here" : own === answer.sha256 ? "✓ the same digest" : "✗ another digest!";
    check.className = own === answer.sha256 ? "good" : "";
    byId("upload-result").hidden = false;
  } catch (error) {
    status.textContent = `It did not arrive: ${error.message}`;
    throw error;
  }
}

/** XMLHttpRequest, because fetch does not tell how much of a body has been sent. */
function post(file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => {
      progress.value = total ? loaded / total : 0;
      status.textContent = `Sent ${bytes(loaded)} of ${bytes(total)}.`;
    };
    request.onload = () =>
      request.status === 200
        ? resolve(JSON.parse(request.responseText))
        : reject(new Error(`the server answered ${request.status}`));
    request.onerror = () => reject(new Error("the connection broke"));
    request.open("POST", "upload");
    request.send(file);
  });
}

/** The browser's digest; null where it cannot: a large file, or an address that browsers do not call secure. */
async function digest(file) {
  if (!globalThis.crypto?.subtle || file.size > CHECKED_BYTES) return null;
  const hash = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
