// What the own pages do beyond HTML. All of them work without it.
"use strict";

// The code of a mailed link stands behind #, where no server sees it. It moves into the form, and out of the address.
function takeToken() {
  const field = document.querySelector("[data-token]");
  if (!field || location.hash.length < 20) return;
  let token = location.hash.slice(1);
  try {
    token = decodeURIComponent(token);
  } catch {
    // as it is: the server says that it is not good
  }
  if (!token.startsWith("adj_") && token.length < 20) return;
  field.value = token;
  history.replaceState(null, "", location.pathname + location.search);
  const box = field.closest("[data-token-box]");
  if (box) box.hidden = true;
  const waiting = document.querySelector("[data-waiting]");
  if (waiting) waiting.hidden = false;
  // Only where the answer is a page that offers something, and nothing is used up.
  if (field.form.hasAttribute("data-at-once")) field.form.requestSubmit();
}

function showPasswords() {
  for (const field of document.querySelectorAll("input[type=password]")) {
    const label = document.querySelector(`label[for="${field.id}"]`);
    const box = document.createElement("div");
    const button = document.createElement("button");
    box.className = "with-button";
    button.type = "button";
    const name = label ? label.textContent.trim().toLowerCase() : "password";
    const draw = () => {
      const hidden = field.type === "password";
      button.textContent = hidden ? "Show" : "Hide";
      button.setAttribute("aria-label", `${hidden ? "Show" : "Hide"} the ${name}`);
    };
    button.addEventListener("click", () => {
      field.type = field.type === "password" ? "text" : "password";
      draw();
    });
    const focused = document.activeElement === field;
    field.replaceWith(box);
    box.append(field, button);
    if (focused) field.focus();
    field.form.addEventListener("submit", () => (field.type = "password"));
    draw();
  }
}

function sendOnce() {
  for (const form of document.querySelectorAll("form[method=post]:not([data-often])")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
}

function handOver() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const lines = [...document.querySelectorAll(button.dataset.copy)].map((one) => one.textContent.trim());
      await navigator.clipboard.writeText(lines.join("\n"));
      button.textContent = "Copied";
    });
  }
}

const field = document.querySelector("[autofocus]");
const problem = document.getElementById("problem");
takeToken();
showPasswords();
sendOnce();
handOver();
if (field) field.focus();
else if (problem) problem.focus();
window.addEventListener("hashchange", takeToken);
