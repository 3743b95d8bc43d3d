// Conveniences only: every page and form works without this file. No eval, no inline handlers, no state.
"use strict";
(() => {
  const toast = document.getElementById("toast");
  let timer = 0;

  const say = (text) => {
    if (!toast) return;
    toast.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => { toast.textContent = ""; }, 8000);
  };

  const openMenus = () => document.querySelectorAll("details.menu[open]");

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });

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

  const words = {
    400: "That did not arrive in one piece. Reload the page and try again.",
    401: "You are logged out. Log in again, then try once more.",
    403: "That is not allowed any more. Reload the page and try again.",
    404: "That is no longer here. Reload the page to see what is.",
    413: "That is too large to send.",
    429: "That was a little fast. Wait a minute, then try again.",
    503: "Vitrine is not available right now. Nothing was lost; try again in a minute.",
  };
  document.addEventListener("htmx:responseError", (event) => {
    say(words[event.detail.xhr.status] || "Something went wrong on our side. Try again in a minute.");
  });
  document.addEventListener("htmx:sendError", () => say("We cannot reach Vitrine. Check your connection, then try again."));
  document.addEventListener("htmx:beforeRequest", () => say(""));
})();
