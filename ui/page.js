// The role decides which links are shown, before any is; the name comes into the head once that is there.
{
  const [role, ...who] = (window.gradio_config?.username || "").split(" ");
  document.documentElement.dataset.role = role;
  new MutationObserver((_, observer) => {
    const form = who.length && document.querySelector("#account");
    if (!form) return;
    form.querySelector(".who").textContent = who.join(" ");
    form.hidden = false;
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

// A click on a marker or on the number of a card asks the server for that passage in its article.
document.addEventListener("click", (event) => {
  const marker = event.target.closest?.("a.cite");
  if (!marker) return;
  event.preventDefault();
  const found = /#cite-(\d+)-(\d+)$/.exec(marker.getAttribute("href") || "");
  if (found && window.reexShow) window.reexShow(Number(found[1]), Number(found[2]));
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

// When a passage is shown in its article, bring it into view: inside the article, and on a narrow
// screen, where the panel is below the chat, on the page too.
new MutationObserver(() => {
  const card = document.querySelector("#evidence .card.selected:not([data-seen])");
  if (!card) return;
  card.dataset.seen = "1";
  const article = card.querySelector(".full");
  const mark = card.querySelector("mark");
  if (article && mark) article.scrollTop = mark.offsetTop - article.offsetTop - 24;
  card.scrollIntoView({ block: "nearest", behavior: "smooth" });
}).observe(document.documentElement, { childList: true, subtree: true });
