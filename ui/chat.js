// The chat page in the browser. It runs as the body of a function that gr.HTML calls with: element, trigger
// (sends an event of Gradio's), props and watch (the steps of an answer arrive as props.value), and server
// (calls a function of ui/page.py). All HTML comes from the server, which escapes what is in it.

const root = element.querySelector("#chat-root");
const narrow = window.matchMedia("(max-width: 1099px)");
const noFilters = () => ({ since: "", until: "", publishers: [], topics: [], companies: [] });
let texts = {};
let here = new URLSearchParams(location.search).get("c") || ""; // the conversation that is shown
let shownTurn = -1; // whose evidence is shown
let running = null; // the answer that is being written: {article, conversation, exchange, turn, key, done}
let filters = noFilters();
let lastMarker = null;

const $ = (selector, within = root) => within.querySelector(selector);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const exchangeOf = (node) => node.closest(".exchange");
const lastTurn = () => root.querySelectorAll(".exchange").length;

async function call(name, data = {}) {
  const minutes_west = new Date().getTimezoneOffset();
  let got;
  try {
    got = await server[name]({ conversation: here, minutes_west, ...data });
  } catch {
    got = undefined;
  }
  if (got === undefined || got === null) {
    tell(texts.offline);
    return { error: texts.offline };
  }
  if (got.error) tell(got.error);
  return got;
}

let quiet;
function tell(text) {
  const toast = $("#toast");
  if (!toast || !text) return;
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(quiet);
  quiet = setTimeout(() => (toast.hidden = true), 6000);
}

// What is shown

async function begin() {
  const got = await call("begin");
  if (!got.shell) {
    root.innerHTML = '<p class="failure" role="alert"></p>';
    root.firstChild.textContent = got.error || "The server does not answer. Reload the page.";
    return;
  }
  texts = got.texts;
  root.innerHTML = got.shell;
  root.lang = got.language;
  if (localStorage.getItem("reex-rail") === "closed") root.classList.add("no-rail");
  setRail(got.rail);
  setConversation(got);
  $("#question").focus({ preventScroll: true });
  root.removeAttribute("aria-busy");
  tell(got.error); // such as that its address names a conversation that is gone
}

function setConversation(got) {
  here = got.conversation;
  $("#talk-title").textContent = got.title;
  $("#thread").innerHTML = got.thread;
  if (running && running.conversation === here) {
    const place = $(`.exchange[data-turn="${running.turn}"]`);
    if (place) place.replaceWith(running.article);
  }
  setPanel(got);
  setPlace();
  close("show-evidence", "show-rail");
  follow($("#thread").lastElementChild);
  suggest();
}

function setPlace() {
  const url = new URL(location.href);
  here ? url.searchParams.set("c", here) : url.searchParams.delete("c");
  history.replaceState(history.state, "", url);
  $('[data-act="export"]').hidden = !here;
  $("#question").placeholder = here ? texts.ask_more : texts.ask_here;
  for (const link of root.querySelectorAll("#rail-list a")) {
    const open = link.parentElement.dataset.id === here;
    open ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
}

function setRail(html) {
  if (html !== undefined) $("#rail-list").innerHTML = html;
}

function setPanel(got) {
  const body = $("#evidence-body");
  if (body.innerHTML !== got.panel) body.innerHTML = got.panel;
  shownTurn = got.turn;
}

async function refreshRail() {
  const got = await call("rail", { words: $("#rail-search").value });
  setRail(got.rail);
}

async function suggest() {
  const last = $(".exchange:last-child");
  const place = last ? $(".next", last) : $("#starters");
  if (!place || place.innerHTML) return;
  const got = last
    ? await server.follow_ups({ conversation: here, exchange: last.dataset.id })
    : await server.starters({ conversation: here });
  if (got && got.html && place.isConnected) place.innerHTML = got.html;
}

// Asking

function ask(text) {
  text = text.trim();
  if (!text || running) return;
  const article = document.createElement("article");
  article.className = "exchange";
  article.innerHTML =
    '<header class="asked"><h2></h2></header><div class="answer"><p class="status"></p></div>' +
    '<footer class="after"></footer>';
  $("h2", article).textContent = text;
  $(".status", article).textContent = texts.searching;
  $(".welcome")?.remove();
  for (const next of root.querySelectorAll(".next")) next.innerHTML = "";
  $("#thread").append(article);
  $("#question").value = "";
  fit();
  run(article, { text, filters: asSent() });
}

function again(article) {
  if (running) return;
  $(".answer", article).innerHTML = '<p class="status"></p>';
  $(".status", article).textContent = texts.searching;
  $(".after", article).innerHTML = "";
  run(article, { exchange: article.dataset.id });
}

function run(article, data) {
  running = { article, conversation: here, turn: lastTurn() - 1, key: "" };
  busy(true);
  follow(article);
  trigger("submit", { conversation: here, ...data });
}

function busy(yes) {
  $("#send").hidden = yes;
  $("#stop").hidden = !yes;
  running?.article.setAttribute("aria-busy", yes);
}

function paint() {
  const step = props.value;
  if (!running || !step) return;
  if (running.key && step.key !== running.key) return; // of an answer that was stopped
  const { article } = running;
  if (step.error) {
    $(".answer", article).innerHTML = '<p class="failure"></p>';
    $(".failure", article).textContent = step.error;
    finish();
    return;
  }
  if (step.key && !running.key) {
    if (step.done) return; // the last step of the answer before this one
    const visible = running.conversation === here;
    Object.assign(running, { key: step.key, turn: step.turn, exchange: step.exchange });
    running.conversation = step.conversation;
    Object.assign(article.dataset, { id: step.exchange, turn: step.turn });
    $(".asked", article).innerHTML = step.asked;
    if (visible && !here) {
      here = step.conversation;
      $("#talk-title").textContent = $(".asked h2", article).textContent;
      setPlace();
      refreshRail();
    }
  }
  const thread = $("#thread");
  const atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 120;
  const toFollow = () => atEnd && follow(article);
  if (running.body !== step.body) $(".answer", article).innerHTML = running.body = step.body;
  if (running.conversation === here && step.panel) setPanel(step);
  toFollow();
  if (step.done) {
    $(".after", article).innerHTML = step.after;
    finish();
    toFollow();
  }
}

// Down to the end of an exchange, but never past its beginning: a long answer is read from there.
function follow(article) {
  const thread = $("#thread");
  const top = article ? article.getBoundingClientRect().top - thread.getBoundingClientRect().top : 0;
  thread.scrollTop = Math.min(thread.scrollHeight, thread.scrollTop + top);
}

function finish() {
  const { article } = running;
  busy(false);
  running = null;
  const told = $(".answer", article).cloneNode(true);
  for (const marker of told.querySelectorAll("a.cite, table, .timeline, details")) marker.remove();
  $("#said").textContent = [...told.querySelectorAll("p, li, blockquote")].map((e) => e.textContent).join("\n");
  suggest();
  refreshRail();
}

async function stop() {
  if (!running || !running.key) return;
  const { article, key, exchange, conversation } = running;
  busy(false);
  running = null;
  for (const caret of article.querySelectorAll(".caret")) caret.remove();
  const got = await call("stop", { key, exchange, conversation });
  article.querySelector(".answer > .status")?.remove();
  $(".answer", article).insertAdjacentHTML("beforeend", '<p class="note"></p>');
  $(".answer > .note:last-child", article).textContent = got.said || "";
  if (got.after) $(".after", article).innerHTML = got.after;
  $("#question").focus();
}

watch("value", paint);

// Evidence

async function show(turn, n = 0) {
  hidePreview();
  if (running && running.turn === turn && running.conversation === here) return reveal(turn, n);
  const got = await call("passages", { turn, n, last: lastTurn() });
  if (got.panel === undefined) return;
  setPanel(got);
  reveal(turn, n);
}

function reveal(turn, n) {
  if (narrow.matches) root.classList.add("show-evidence");
  const card = n ? $(`#card-${turn}-${n}`) : null;
  if (!card) return $("#evidence-body").focus({ preventScroll: true });
  const article = $(".full", card);
  const mark = $("mark", card);
  if (article && mark) article.scrollTop = mark.offsetTop - article.offsetTop - 24;
  card.scrollIntoView({ block: "nearest" });
  card.focus({ preventScroll: true });
}

// Previews of markers

const known = new Map();
let showing = null;
let soon;

function placeOf(marker) {
  const found = /#cite-(\d+)-(\d+)$/.exec(marker.getAttribute("href") || "");
  return found ? { turn: Number(found[1]), n: Number(found[2]) } : null;
}

async function preview(marker) {
  const place = placeOf(marker);
  if (!place) return;
  showing = marker;
  const key = `${here}/${place.turn}/${place.n}`;
  let html = known.get(key);
  if (!html) {
    const got = await server.preview({ conversation: here, ...place });
    html = (got && got.html) || ofCard(place);
    if (got && got.html) known.set(key, html);
  }
  if (showing !== marker || !html) return;
  const box = $("#preview");
  box.innerHTML = html;
  box.hidden = false;
  marker.removeAttribute("title");
  marker.setAttribute("aria-describedby", "preview");
  const at = marker.getBoundingClientRect();
  const wide = Math.min(380, window.innerWidth - 24);
  box.style.width = `${wide}px`;
  box.style.left = `${Math.max(12, Math.min(at.left - 24, window.innerWidth - wide - 12))}px`;
  const above = at.top > box.offsetHeight + 16;
  box.style.top = above ? `${at.top - box.offsetHeight - 8}px` : `${at.bottom + 8}px`;
}

function ofCard({ turn, n }) {
  const card = $(`#card-${turn}-${n}`);
  if (!card) return "";
  return $("header", card).outerHTML + ($("p", card) ? $("p", card).outerHTML : "");
}

function hidePreview() {
  clearTimeout(soon);
  showing?.removeAttribute("aria-describedby");
  showing = null;
  const box = $("#preview");
  if (box) box.hidden = true;
}

root.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const marker = event.target.closest("a.cite");
  if (marker && marker !== showing) {
    clearTimeout(soon);
    soon = setTimeout(() => preview(marker), 120);
  } else if (marker || event.target.closest("#preview")) {
    clearTimeout(soon);
  }
});
root.addEventListener("pointerout", (event) => {
  if (event.pointerType !== "touch" && event.target.closest("a.cite, #preview")) {
    clearTimeout(soon);
    soon = setTimeout(hidePreview, 200);
  }
});
root.addEventListener("focusin", (event) => {
  const marker = event.target.closest("a.cite");
  if (marker && marker.matches(":focus-visible")) preview(marker);
  else if (!event.target.closest("#preview")) hidePreview();
});
// Not before it is there: what is hovered or focused is first scrolled into view.
const whenScrolled = () => $("#preview")?.hidden === false && hidePreview();
root.addEventListener("scroll", whenScrolled, { capture: true, passive: true });

// The list of conversations

function rename(entry) {
  const link = $("a", entry);
  const input = document.createElement("input");
  input.className = "renaming";
  input.maxLength = 60;
  input.value = link.textContent;
  input.setAttribute("aria-label", texts.title_of);
  let done = false;
  const end = async (keep) => {
    if (done) return;
    done = true;
    if (keep && input.value.trim() && input.value !== link.textContent) {
      const got = await call("rename", { conversation: entry.dataset.id, title: input.value });
      if (got.title) {
        link.textContent = got.title;
        if (entry.dataset.id === here) $("#talk-title").textContent = got.title;
      }
    }
    input.replaceWith(link);
    link.focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter");
    }
  });
  input.addEventListener("blur", () => end(true));
  link.replaceWith(input);
  input.select();
}

async function remove(button, entry) {
  if (!button.dataset.asked) {
    button.dataset.asked = "yes";
    button.textContent = button.dataset.sure;
    button.classList.add("danger");
    return;
  }
  const got = await call("delete", { conversation: entry.dataset.id });
  if (got.error) return;
  if (entry.dataset.id === here) await open("");
  refreshRail();
}

async function open(conversation) {
  setConversation(await call("open_one", { conversation }));
  if (!narrow.matches || !conversation) $("#question").focus();
}

let typing;
root.addEventListener("input", (event) => {
  if (event.target.id === "question") fit();
  if (event.target.id === "rail-search") {
    clearTimeout(typing);
    typing = setTimeout(refreshRail, 200);
  }
});

// Filters

function setChips() {
  const chips = $("#chips");
  chips.innerHTML = "";
  const add = (label, clear) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", filled(texts.remove, { what: label }));
    button.addEventListener("click", () => {
      clear();
      setChips();
      (chips.firstElementChild || $("#question")).focus();
    });
    chips.append(button);
  };
  for (const bound of ["since", "until"]) {
    if (filters[bound]) {
      add(filled(texts[`${bound}_day`], { day: filters[bound] }), () => {
        filters[bound] = "";
        $(`[data-filter="${bound}"]`).value = "";
      });
    }
  }
  for (const list of ["publishers", "topics", "companies"]) {
    for (const name of filters[list]) {
      add(name, () => (filters[list] = filters[list].filter((other) => other !== name)));
    }
  }
  $(".filters").classList.toggle("active", chips.children.length > 0);
}

root.addEventListener("change", (event) => {
  const field = event.target.dataset.filter;
  if (!field) return;
  if (field === "since" || field === "until") {
    filters[field] = event.target.value;
  } else {
    const wanted = event.target.value.trim().toLowerCase();
    const choices = [...$(`#choices-${field}`).options].map((option) => option.value);
    const found = choices.find((choice) => choice.toLowerCase() === wanted);
    if (!found) return;
    if (!filters[field].includes(found)) filters[field].push(found);
    event.target.value = "";
  }
  setChips();
});

const asSent = () => {
  const sent = {};
  for (const [name, value] of Object.entries(filters)) if (value.length) sent[name] = value;
  return sent;
};

// Actions

async function copy(button) {
  const got = await call("copy", { exchange: exchangeOf(button).dataset.id, form: button.dataset.form });
  if (got.text !== undefined) {
    await toClipboard(got.text);
    tell(got.said);
  }
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not over plain HTTP from elsewhere, nor where the browser forbids it.
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

async function share(button) {
  const got = await call("share", { exchange: exchangeOf(button).dataset.id });
  if (!got.link) return;
  const url = new URL(got.link, location.href).href;
  await toClipboard(url);
  tell(got.said);
  $(".sharing", exchangeOf(button)).innerHTML = got.html;
}

async function unshare(button) {
  const article = exchangeOf(button);
  const got = await call("unshare", { exchange: article.dataset.id });
  if (got.error) return;
  tell(got.said);
  $(".sharing", article).innerHTML = "";
  $('[data-act="share"]', article).focus();
}

async function judge(button) {
  const article = exchangeOf(button);
  const value = Number(button.dataset.verdict);
  const verdict = button.getAttribute("aria-pressed") === "true" ? 0 : value;
  const got = await call("judge", { exchange: article.dataset.id, verdict });
  if (got.error) return;
  for (const thumb of article.querySelectorAll("[data-verdict]")) {
    thumb.setAttribute("aria-pressed", Number(thumb.dataset.verdict) === got.verdict);
  }
  const form = $(".why", article);
  const line = $("input", form);
  form.hidden = !got.verdict;
  form.dataset.verdict = got.verdict;
  line.placeholder = got.verdict > 0 ? line.dataset.good : line.dataset.bad;
  line.setAttribute("aria-label", line.placeholder);
  if (got.verdict) line.focus();
}

async function giveReason(form) {
  const reason = $("input", form).value;
  const verdict = Number(form.dataset.verdict);
  const got = await call("judge", { exchange: exchangeOf(form).dataset.id, verdict, reason });
  if (got.error) return;
  form.hidden = true;
  tell(got.thanks);
}

async function exportHere() {
  const got = await call("export");
  if (!got.html) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([got.html], { type: "text/html" }));
  link.download = got.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function toggleRail() {
  if (narrow.matches) {
    root.classList.toggle("show-rail");
    if (root.classList.contains("show-rail")) $("#rail-search").focus();
  } else {
    root.classList.toggle("no-rail");
    localStorage.setItem("reex-rail", root.classList.contains("no-rail") ? "closed" : "open");
  }
}

function close(...names) {
  root.classList.remove(...names);
}

const acts = {
  new: () => open(""),
  rail: toggleRail,
  open: (link) => open(link.parentElement.dataset.id),
  rename: (button) => rename(button.closest("li")),
  delete: (button) => remove(button, button.closest("li")),
  ask: (button) => ask(button.textContent),
  stop,
  copy,
  share,
  unshare,
  again: (button) => again(exchangeOf(button)),
  evidence: (button) => show(Number(exchangeOf(button).dataset.turn)),
  judge,
  export: exportHere,
  "close-evidence": () => {
    close("show-evidence");
    lastMarker?.focus();
  },
};

let pointer = "mouse";
root.addEventListener("pointerdown", (event) => (pointer = event.pointerType), true);

root.addEventListener("click", (event) => {
  const marker = event.target.closest("a.cite");
  if (marker) {
    event.preventDefault();
    const place = placeOf(marker);
    if (!place) return;
    lastMarker = marker;
    // A finger cannot hover: the first tap shows the passage, the next one opens it.
    if (pointer === "touch" && showing !== marker) preview(marker);
    else show(place.turn, place.n);
    return;
  }
  if (event.target.closest("#preview") && showing) {
    const place = placeOf(showing);
    show(place.turn, place.n);
    return;
  }
  const toggle = event.target.closest(".in-article");
  if (toggle) {
    const n = toggle.getAttribute("aria-expanded") === "true" ? 0 : Number(toggle.dataset.n);
    show(Number(toggle.dataset.turn), n);
    return;
  }
  const button = event.target.closest("[data-act]");
  const { act } = button?.dataset ?? {};
  if (act) {
    if (button.tagName === "A" && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    acts[act](button);
  }
  const inside = event.target.closest("details.menu");
  for (const menu of root.querySelectorAll("details.menu[open]")) {
    const chosen = inside === menu && act && act !== "delete";
    if (inside !== menu || chosen) menu.open = false;
  }
  if (pointer === "touch" && !event.target.closest("a.cite, #preview")) hidePreview();
});

root.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "composer") ask($("#question").value);
  else if (event.target.matches(".why")) giveReason(event.target);
});

root.addEventListener("keydown", (event) => {
  if (event.target.id === "question" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask(event.target.value);
  }
  if (event.key !== "Escape") return;
  if (showing) return hidePreview();
  const menu = $("details.menu[open]");
  if (menu) {
    menu.open = false;
    return $("summary", menu).focus();
  }
  if (event.target.closest("#evidence") || root.classList.contains("show-evidence")) {
    return acts["close-evidence"]();
  }
  if (root.classList.contains("show-rail")) toggleRail();
});

function fit() {
  const box = $("#question");
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 180)}px`;
}

begin();
