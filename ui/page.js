// The role decides which links are shown, before any is; the name comes into the head once that is there.
{
  const [role, ...who] = (window.gradio_config?.username || "").split(" ");
  document.documentElement.dataset.role = role;
  new MutationObserver((_, observer) => {
    const account = who.length && document.querySelector("#account");
    if (!account) return;
    account.querySelector(".who").textContent = who.join(" ");
    account.querySelector("summary").setAttribute("aria-label", who.join(" "));
    account.hidden = false;
    observer.disconnect();
  }).observe(document.documentElement, { childList: true, subtree: true });

  // Where a session ended meanwhile, the page asks to sign in again instead of failing silently.
  const plain = window.fetch;
  window.fetch = async (...given) => {
    const response = await plain(...given);
    if (response.status === 401) window.location.reload();
    return response;
  };
}

// The language that somebody chose, or the browser's own; the server reads the same: ui/texts.py.
const language = () =>
  /(?:^|; )reex-language=(en|zh)/.exec(document.cookie)?.[1] ||
  (navigator.languages || [navigator.language]).map((l) => l.slice(0, 2)).find((l) => l === "en" || l === "zh") ||
  "en";
document.documentElement.dataset.language = language();

// Gradio follows the system, and ?__theme= in the address; what somebody chose here counts more than the system.
const chosenTheme = () => (location.search.includes("__theme=") ? null : localStorage.getItem("reex-theme"));
function keepTheme() {
  const dark = chosenTheme() === "dark";
  if (chosenTheme() && document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
}
function watchTheme() {
  keepTheme();
  new MutationObserver(keepTheme).observe(document.body, { attributes: true, attributeFilter: ["class"] });
}
if (document.body) watchTheme();
else document.addEventListener("DOMContentLoaded", watchTheme);

document.addEventListener("click", (event) => {
  const which = event.target.closest?.("[data-switch]")?.dataset.switch;
  if (which === "language") {
    const other = language() === "zh" ? "en" : "zh";
    document.cookie = `reex-language=${other}; path=/; max-age=31536000; samesite=lax`;
    location.reload();
  }
  if (which === "theme") {
    const dark = !document.body.classList.contains("dark");
    localStorage.setItem("reex-theme", dark ? "dark" : "light");
    document.body.classList.toggle("dark", dark);
  }
});

// What is signed out of opens under the name, and closes like any menu.
const account = () => document.querySelector("#account[open]");
document.addEventListener("click", (event) => {
  if (account() && !event.target.closest?.("#account")) account().open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !account()) return;
  account().querySelector("summary").focus();
  account().open = false;
});

// A click on a title in the library asks the server for that article.
document.addEventListener("click", (event) => {
  const title = event.target.closest?.("#library-table a.open");
  if (!title) return;
  event.preventDefault();
  const found = /#article-(\w+)$/.exec(title.getAttribute("href") || "");
  if (found && window.reexOpen) window.reexOpen(found[1]);
  window.scrollTo({ top: 0 });
});

// Another page of the library's list begins at its top.
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#library-pages button")) document.querySelector("#library-list")?.scrollIntoView();
});
