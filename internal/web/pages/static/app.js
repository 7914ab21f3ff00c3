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
