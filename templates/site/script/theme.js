"use strict";
/* Light or dark as the reader chose, before anything is drawn; without a choice, as the system says. */
{
  const KEY = "digest:theme";
  const root = document.documentElement;
  const chosen = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    for (const one of document.querySelectorAll("[data-set-theme]")) one.setAttribute("aria-pressed", String(one.dataset.setTheme === (root.dataset.theme ?? "auto")));
  };
  show(chosen());
  addEventListener("storage", (event) => { if (event.key === KEY) show(event.newValue); });
  document.addEventListener("DOMContentLoaded", () => {
    show(chosen());
    for (const one of document.querySelectorAll("[data-scripted]")) one.hidden = false;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-set-theme]");
    if (!button) return;
    const theme = button.dataset.setTheme;
    try { theme === "auto" ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, theme); } catch { /* for this page only */ }
    show(theme);
  });
}
