// Reloads the page when the application has been reloaded, and shows why it could not be. Part of `yett dev`.
"use strict";
(() => {
  const tag = document.currentScript;
  const mine = Number(tag.dataset.generation);
  // The page shows this error already.
  const shownError = tag.dataset.error || "";
  let source = null;
  let host = null;

  const open = () => {
    // A page that nobody looks at holds no connection: a browser has six for each server.
    if (source || document.hidden) return;
    source = new EventSource("/__yett__/events");
    source.addEventListener("state", (event) => take(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, 1000);
      }
    });
  };

  const close = () => {
    if (source) source.close();
    source = null;
  };

  const reload = (reason) => {
    close();
    let tries = 0;
    try {
      // Not for ever, should an old copy of the page come out of a cache: less and less often, and then no more.
      const key = "yett:" + location.pathname;
      const [last, count] = (sessionStorage.getItem(key) || " 0").split(" ");
      tries = last === reason ? Number(count) : 0;
      sessionStorage.setItem(key, `${reason} ${tries + 1}`);
    } catch { /* no storage */ }
    if (tries < 5) setTimeout(() => location.reload(), tries * 500);
  };

  const take = ({ generation, error }) => {
    const current = error ? error.id : "";
    if (generation > mine) reload(String(generation));
    else if (shownError) {
      if (current !== shownError) reload(current || String(generation));
    } else show(error);
  };

  const show = (error) => {
    if (host) host.remove();
    host = null;
    if (!error) return;
    host = document.createElement("yett-error");
    const root = host.attachShadow({ mode: "closed" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      :host { all: initial; position: fixed; inset: auto 0 0 0; z-index: 2147483647; }
      div { max-height: 60vh; overflow: auto; padding: 12px 16px; background: #2a1513; color: #ffe9e7;
        border-top: 4px solid #ff6b5e; font: 14px/1.5 system-ui, sans-serif; }
      p { margin: 0 90px 6px 0; font-weight: 600; overflow-wrap: anywhere; }
      pre { margin: 0; font: 12px/1.45 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap;
        overflow-wrap: anywhere; }
      button { float: right; font: inherit; color: inherit; background: none; border: 1px solid #ff6b5e;
        border-radius: 6px; padding: 2px 12px; cursor: pointer; }`);
    root.adoptedStyleSheets = [sheet];
    const box = document.createElement("div");
    box.setAttribute("role", "alert");
    const hide = document.createElement("button");
    hide.textContent = "Hide";
    hide.addEventListener("click", () => show(null));
    const title = document.createElement("p");
    title.textContent = "The new code does not load: " + error.title;
    const text = document.createElement("pre");
    text.textContent = error.text;
    box.append(hide, title, text);
    root.append(box);
    document.documentElement.append(host);
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
