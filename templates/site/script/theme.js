"use strict";
/* Light or dark, and the reading mode, as the reader chose, before anything is drawn; without a choice, as the system says. */
{
  const KEY = "digest:theme";
  const root = document.documentElement;
  const chosen = (key) => {
    try { return localStorage.getItem(key); } catch { return null; }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    for (const one of document.querySelectorAll("[data-set-theme]")) one.setAttribute("aria-pressed", String(one.dataset.setTheme === (root.dataset.theme ?? "auto")));
  };
  root.dataset.scripts = ""; // styles show what needs a script
  show(chosen(KEY));
  const mode = chosen("digest:mode");
  if (mode === "en" || mode === "both") root.dataset.mode = mode;
  addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) show(event.newValue); });
  document.addEventListener("DOMContentLoaded", () => show(root.dataset.theme));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-set-theme]");
    if (!button) return;
    const theme = button.dataset.setTheme;
    try { theme === "auto" ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, theme); } catch { /* for this page only */ }
    show(theme);
  });
}
