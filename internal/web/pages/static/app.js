// What scripts add to pages that work without them.
"use strict";

// A form that only asks for other rows asks at once.
document.addEventListener("change", (e) => {
  const form = e.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.dataset.sent) { e.preventDefault(); return; }
  if (form.method === "post") form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((f) => delete f.dataset.sent));

// What a run that is watched has come to; the page as a whole once it has ended.
document.querySelectorAll("[data-follow]").forEach((shown) => {
  const events = new EventSource(shown.dataset.follow);
  events.addEventListener("progress", (e) => { shown.textContent = JSON.parse(e.data).text; });
  events.addEventListener("ended", () => { events.close(); location.reload(); });
});
