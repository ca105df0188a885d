// Everything that the script adds; the page can be read without any of it.

function start() {
  document.documentElement.classList.add("scripted");
  startTheme();
  startSorting();
  startFilters();
  startExports();
  startPictures();
  startTips();
  startSamples();
  if (typeof startLive === "function") startLive();
}
