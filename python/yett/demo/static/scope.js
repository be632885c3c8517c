// What the application sees of a request from this page.
import { byId, duration, element } from "./dom.js";

byId("scope-again").addEventListener("click", askScope);

/** Asks for the scope and shows it. */
export async function askScope() {
  const response = await fetch("scope?gate=open&bars=12");
  const { scope, headers, extensions, state, runtime } = await response.json();

  const facts = { ...scope, asgi: `${scope.asgi.version}, spec ${scope.asgi.spec_version ?? "2.0"}` };
  for (const end of ["client", "server"]) facts[end] = scope[end]?.filter((part) => part !== null).join(":") ?? "–";
  byId("scope-facts").replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [element("dt", name), element("dd", value || "(empty)")]),
  );
  byId("scope-headers").replaceChildren(
    ...headers.map(([name, value]) => {
      const row = document.createElement("tr");
      row.append(element("td", name), element("td", value));
      return row;
    }),
  );
  byId("scope-extensions").replaceChildren(
    ...(extensions.length ? extensions : ["none"]).map((name) => element("li", name)),
  );
  byId("scope-state").textContent = state.offered
    ? `Made when the server started, ${duration(state.uptime * 1000)} ago, and shared by the ${state.requests} ` +
      `requests since, in process ${state.process}.`
    : "This server offers none; the counters live in the module instead.";
  const page = performance.getEntriesByType("navigation")[0];
  const first = page ? ` · this page's first byte after ${duration(page.responseStart - page.requestStart)}` : "";
  byId("runtime").textContent = `${runtime.python} · ${runtime.loop} · HTTP/${scope.http_version}${first}`;
}
