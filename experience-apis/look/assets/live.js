// Keeps live parts of a page fresh: each event names an element by id and carries its new HTML, made by the server.
(() => {
  const stream = document.body.dataset.live;
  if (!stream || !window.EventSource) return;
  const state = document.getElementById("live");
  const say = (word, text) => {
    if (!state || state.dataset.state === word) return;
    state.hidden = false;
    state.dataset.state = word;
    state.textContent = text;
  };
  const source = new EventSource(stream);
  // A stream ends now and then and is opened again at once: only what lasts is worth saying.
  let lost;
  source.addEventListener("open", () => {
    clearTimeout(lost);
    lost = undefined;
    say("on", "Live");
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) return say("off", "Not live any more: load the page again");
    lost ??= setTimeout(() => say("off", "Connecting again"), 10000);
  });
  source.addEventListener("part", (event) => {
    const part = JSON.parse(event.data);
    const before = document.getElementById(part.id);
    if (!before) return;
    // What the reader has opened stays open, and the keyboard stays where it is.
    const opened = before.querySelector("details")?.open ?? false;
    const focused = before.contains(document.activeElement) ? document.activeElement.tagName : null;
    before.outerHTML = part.html;
    const after = document.getElementById(part.id);
    if (!after) return;
    const details = after.querySelector("details");
    if (details && opened) details.open = true;
    if (focused) (after.querySelector(focused.toLowerCase()) ?? after).focus?.();
  });
})();
