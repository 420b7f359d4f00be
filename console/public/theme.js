// Before the first paint, so that a chosen theme never flashes. `src/lib/theme.ts` writes what this reads.
(function () {
  try {
    var theme = localStorage.getItem("cloche-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage the system's theme is shown.
  }
})();
