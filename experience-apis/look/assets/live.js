// Keeps live parts of a page fresh: each event names an element by id and carries its new HTML, made by the server.
(() => {
  const stream = document.body.dataset.live;
  if (!stream || !window.EventSource) return;
  const source = new EventSource(stream);
  source.addEventListener("part", (event) => {
    const part = JSON.parse(event.data);
    const element = document.getElementById(part.id);
    if (element) element.outerHTML = part.html;
  });
})();
