// What scripts add to pages that work without them.
"use strict";

// A form that only asks for other rows asks at once.
document.addEventListener("change", (e) => {
  const form = e.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});

// A form is sent once, however often its button is pressed, and only where syncd answers: the
// browser's own page about a server that is away would take what was written with it.
document.addEventListener("submit", async (e) => {
  const form = e.target, button = e.submitter;
  if (((button && button.formMethod) || form.method) !== "post") return;
  if (form.dataset.sent === "now") { form.dataset.sent = "yes"; return; }
  e.preventDefault();
  if (form.dataset.sent) return;
  form.dataset.sent = "asked";
  document.querySelectorAll("[data-away]").forEach((said) => said.remove());
  try {
    await fetch("/healthz", { cache: "no-store" });
  } catch {
    delete form.dataset.sent;
    const said = document.createElement("p");
    said.className = "trouble";
    said.dataset.away = "yes";
    said.setAttribute("role", "alert");
    said.textContent = "syncd does not answer, so nothing was sent or done. What you wrote is still here: send it again once syncd runs.";
    document.querySelector("main").prepend(said);
    said.scrollIntoView({ block: "nearest" });
    return;
  }
  form.dataset.sent = "now";
  form.requestSubmit(button);
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((f) => delete f.dataset.sent));

// What a run that is watched has come to; the page as a whole once it has ended.
document.querySelectorAll("[data-follow]").forEach((shown) => {
  const events = new EventSource(shown.dataset.follow);
  events.addEventListener("progress", (e) => { shown.textContent = JSON.parse(e.data).text; });
  events.addEventListener("ended", () => { events.close(); location.reload(); });
});

// What is ticked is counted, with its money, and may be approved at once; without scripts it is
// reviewed on a page of its own.
const choice = document.querySelector("form[data-choice]");
if (choice) {
  const sum = choice.querySelector("[data-sum]"), review = choice.querySelector("[data-review]"), approve = choice.querySelector("[data-approve]");
  const show = (sign, cents) => sign + (Math.abs(cents || 0) / 100).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const count = () => {
    let n = 0;
    const up = {}, down = {};
    document.querySelectorAll(".tick:checked").forEach((tick) => {
      n += Number(tick.dataset.count);
      const [ups, downs] = (tick.dataset.money || "/").split("/");
      for (const [list, sums] of [[ups, up], [downs, down]]) {
        for (const part of list.split(",").filter(Boolean)) {
          const [currency, amount] = part.split(" ");
          sums[currency] = (sums[currency] || 0) + Math.round(Number(amount) * 100);
        }
      }
    });
    const currencies = [...new Set([...Object.keys(up), ...Object.keys(down)])].sort();
    const money = currencies.map((c) => `${show("+", up[c])} ${show("−", down[c])} ${c}`);
    sum.textContent = n ? [`${n} selected`, ...money].join(" · ") : "";
    review.textContent = "Review…";
    review.disabled = approve.disabled = n === 0;
    approve.hidden = false;
    approve.textContent = n ? `Approve ${n}` : "Approve";
  };
  document.addEventListener("change", count);
  window.addEventListener("pageshow", count);
  count();
}
// How many boxes are ticked stands on the button that takes them.
const take = document.querySelector("button[data-ticked]");
if (take) {
  const count = () => {
    const n = document.querySelectorAll(`input[type=checkbox][form="${take.form.id}"]:checked`).length;
    take.textContent = take.dataset.ticked.replace("#", n);
    take.disabled = n === 0;
  };
  document.addEventListener("change", count);
  window.addEventListener("pageshow", count);
  count();
}
document.documentElement.classList.add("scripted");
