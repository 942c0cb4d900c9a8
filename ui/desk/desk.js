// The desk: clicks in its lists go to the server, and nobody leaves an unsaved text by accident.
const reexDeskUnsaved = () => document.querySelector("#desk-checks .desk-unsaved") !== null;
const reexDeskMayLeave = () => !reexDeskUnsaved() || confirm("The draft has changes that are not saved. Leave them?");

document.addEventListener("click", (event) => {
  const row = event.target.closest?.("#desk-inbox a.row, #desk-tabs a.open");
  if (!row || event.ctrlKey || event.metaKey || !window.reexDesk) return;
  event.preventDefault();
  if (!reexDeskMayLeave()) return;
  const id = new URLSearchParams(row.getAttribute("href")).get("query");
  history.replaceState(null, "", `?query=${encodeURIComponent(id)}`);
  document.querySelectorAll("#desk-inbox a.row").forEach((other) => other.removeAttribute("aria-current"));
  row.setAttribute("aria-current", "true");
  document.querySelector("#desk-tabs")?.classList.add("reading");
  document.querySelector('#desk-tabs button[role="tab"]')?.click();
  window.reexDesk("open", id);
  if (matchMedia("(max-width: 820px)").matches) window.scrollTo({ top: 0 });
});

window.reexDeskBack = () => document.querySelector("#desk-tabs")?.classList.remove("reading");
if (new URLSearchParams(location.search).get("query")) {
  new MutationObserver((_, observer) => {
    const tabs = document.querySelector("#desk-tabs");
    if (!tabs) return;
    tabs.classList.add("reading");
    observer.disconnect();
  }).observe(document.documentElement, { childList: true, subtree: true });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-desk]");
  if (!button || !window.reexDesk) return;
  const what = button.dataset.desk;
  if (what === "copy") {
    const post = button.closest(".post");
    await navigator.clipboard.writeText(post.querySelector("pre").textContent);
    post.querySelector(".copied").textContent = "Copied";
    return;
  }
  if (!reexDeskMayLeave()) return;
  if (what === "reuse") {
    const here = document.querySelector("#desk-query .query")?.dataset.id;
    if (here) window.reexDesk(what, `${here} ${button.dataset.id}`);
    return;
  }
  if (what === "renew") document.querySelector('#desk-tabs button[role="tab"]')?.click();
  window.reexDesk(what, button.dataset.id);
});

// Ctrl+S saves the draft; Ctrl+Enter sends it on.
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || !event.target.closest?.("#desk-body")) return;
  const id = { s: "#desk-save", Enter: "#desk-review" }[event.key];
  if (!id) return;
  event.preventDefault();
  document.querySelector(id)?.click();
});

addEventListener("beforeunload", (event) => {
  if (reexDeskUnsaved()) event.preventDefault();
});
