// Keeps the page up to date, and sends changes. The server writes all of the page: when the run has changed, the
// page is fetched again and what differs is put in place, so that focus, scrolling and open details stay.
"use strict";

const link = document.getElementById("link");
const message = document.getElementById("message");
const ask = document.getElementById("ask");
let fetching = false;
let wanted = false;

document.documentElement.dataset.script = "";

// Makes `old` the same as `next`, with as few changes as possible. Children are found again by their ids.
function morph(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(old.localName === "details" && name === "open")) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // What the user is typing or has chosen is theirs.
  if (["input", "select", "textarea"].includes(old.localName)) return;
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const child of [...next.childNodes]) {
    const same = child.id ? known.get(child.id) : at;
    const fits = same && same.nodeType === child.nodeType && same.nodeName === child.nodeName
      && (child.id || "") === (same.id || "");
    if (!fits) {
      old.insertBefore(child, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    if (same.nodeType === Node.ELEMENT_NODE) morph(same, child);
    else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
  }
  while (at) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
}

async function refresh() {
  if (fetching || document.hidden) {
    wanted = true;
    return;
  }
  fetching = true;
  wanted = false;
  try {
    const response = await fetch(location.href);
    if ((response.headers.get("content-type") || "").startsWith("text/html")) {
      const next = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const id of ["head", "content"]) {
        const [old, fresh] = [document.getElementById(id), next.getElementById(id)];
        if (old && fresh) morph(old, fresh);
      }
    }
  } catch {
    // The stream of events says when the connection is lost.
  } finally {
    fetching = false;
    if (wanted) setTimeout(refresh, 250);
  }
}

function connected(is) {
  document.body.classList.toggle("stale", !is);
  link.textContent = is
    ? "Up to date. Times are in UTC."
    : "juggle does not answer: it has ended, or is busy. These are the last figures.";
}

const events = new EventSource("/events");
events.addEventListener("open", () => connected(true));
events.addEventListener("status", () => { connected(true); refresh(); });
events.addEventListener("problem", () => { connected(true); refresh(); });
events.addEventListener("error", () => connected(false));
document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) refresh(); });

// Asks the question, and returns whether the answer is yes.
function agreed(question) {
  document.getElementById("question").textContent = question;
  ask.returnValue = "no";
  ask.showModal();
  return new Promise((answer) => {
    ask.addEventListener("close", () => answer(ask.returnValue === "yes"), { once: true });
  });
}

async function send(button) {
  if (button.dataset.ask && !(await agreed(button.dataset.ask))) {
    message.textContent = "Nothing was changed.";
    return;
  }
  button.disabled = true;
  try {
    const response = await fetch(button.dataset.post, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: button.dataset.body,
    });
    const answer = await response.json();
    if (!response.ok) message.textContent = "Not done: " + answer.error;
    else if (answer.lane) message.textContent = `The ${answer.lane} lane is ${answer.paused ? "paused" : "running"}.`;
    else message.textContent = answer.changed === 1 ? "1 job was changed." : `${answer.changed} jobs were changed.`;
  } catch {
    message.textContent = "Not done: juggle does not answer.";
  }
  button.disabled = false;
  refresh();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) send(button);
});
