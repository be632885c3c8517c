// Starts the panels. With ?auto in the address they all run without a click; when they are done,
// <html> has the attribute data-auto="done".
import { knock, watchEvents } from "./events.js";
import { askScope } from "./scope.js";
import { forge } from "./stream.js";
import { sendSample } from "./upload.js";

for (const place of document.querySelectorAll(".origin")) {
  place.textContent = new URL(".", location.href).href;
}

watchEvents();
const asked = askScope();

if (new URLSearchParams(location.search).has("auto")) {
  const panels = await Promise.allSettled([asked, forge(), sendSample().then(knock)]);
  document.documentElement.dataset.auto = panels.every((panel) => panel.status === "fulfilled") ? "done" : "failed";
}
