"use strict";
{
  const copy = document.getElementById("copy");
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById("traceback").textContent);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy traceback"; }, 1500);
    });
  }
  const libraries = document.getElementById("libraries");
  const folded = document.querySelectorAll("details.libraries");
  libraries.hidden = folded.length === 0;
  libraries.addEventListener("click", () => {
    const show = libraries.getAttribute("aria-pressed") === "false";
    libraries.setAttribute("aria-pressed", String(show));
    libraries.textContent = show ? "Hide libraries" : "Show libraries";
    for (const one of folded) one.open = show;
  });
}
