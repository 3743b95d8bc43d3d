// Conveniences only: every page and form works without this file. No eval, no inline handlers, no state.
"use strict";
(() => {
  const toast = document.getElementById("toast");
  let timer = 0;

  const say = (text, stays = false) => {
    if (!toast) return;
    // A popover of its own each time: it stands above a dialog that is open.
    toast.togglePopover?.(false);
    if (text) toast.togglePopover?.(true);
    toast.textContent = text;
    clearTimeout(timer);
    if (text && !stays) timer = setTimeout(say, 12000, "");
  };

  const openMenus = () => document.querySelectorAll("details.menu[open]");

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    say("");
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });

  // While a dialog is open nothing behind its glass takes the keyboard.
  document.addEventListener("beforetoggle", (event) => {
    if (!event.target.matches(".dialog")) return;
    for (let part = event.target; part !== document.body; part = part.parentElement) {
      for (const other of part.parentElement.children) {
        if (other !== part && other !== toast) other.inert = event.newState === "open";
      }
    }
  }, true);

  // A second press before the answer is there sends nothing again; htmx sees to its own forms. What is downloaded
  // leaves the page standing, so a form opens again after a while, and when the page is come back to.
  const sent = new Set();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
    if (sent.has(form)) event.preventDefault();
    sent.add(form);
    setTimeout(() => sent.delete(form), 4000);
  });
  addEventListener("pageshow", () => sent.clear());

  // The error summary takes the focus, so that it is read out and its links are next.
  const focusErrors = (root) => {
    const summary = root.querySelector("[data-errors]");
    if (summary) summary.focus();
  };
  focusErrors(document);
  document.addEventListener("htmx:afterSettle", (event) => focusErrors(event.target));

  // What time it is where somebody is. The page says the zone, so that its bytes stay the same from minute to minute.
  const tellTimes = () => {
    for (const place of document.querySelectorAll("[data-zone]")) {
      place.title ||= place.textContent;
      const options = { hour: "2-digit", minute: "2-digit", timeZone: place.title };
      try {
        const text = `${new Intl.DateTimeFormat("en-GB", options).format()} local time`;
        if (place.textContent !== text) place.textContent = text;
      } catch { /* a zone that this browser does not know keeps its name */ }
    }
  };
  tellTimes();
  setInterval(tellTimes, 20000);
  document.addEventListener("htmx:afterSettle", tellTimes);

  // A refusal in one line is said in the toast, whatever its status; it never takes the place of a part of the page.
  const isLine = (xhr) => (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
  document.addEventListener("htmx:beforeSwap", (event) => {
    const detail = event.detail;
    if (detail.xhr.status < 400 || !isLine(detail.xhr)) return;
    detail.shouldSwap = false;
    detail.isError = true;
  });
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    say(isLine(xhr) && xhr.responseText.length < 400 ? xhr.responseText : "Something went wrong on our side. Try again in a minute.");
  });
  document.addEventListener("htmx:sendError", () => say("We cannot reach Vitrine. Check your connection, then try again.", true));
  document.addEventListener("htmx:beforeRequest", () => say(""));
  addEventListener("online", () => say(""));
})();
