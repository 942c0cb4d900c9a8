"""The staff desk as HTML: everything from members, staff, articles and models is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import pairwise

from corpus.article import Article
from corpus.database import now
from rag.types import Citation, Hit
from ui.desk import posting
from ui.desk.drafting import remarks
from ui.desk.gaps import Group
from ui.desk.queries import DONE, STATES, Event, Query, Revision, State
from ui.desk.recheck import PLAIN, Checked, Review
from ui.desk.stale import Alarm, Stale
from ui.desk.workbench import Alike, Alikes, Told
from ui.evidence import link
from ui.library import changes_html
from ui.render import KINDS, one_origin

_SIGNS = {"supported": "✓", "weak": "?", "unsupported": "✗", PLAIN: ""}
_AROUND_CHARS = 240


def choices(counts: Mapping[State, int]) -> list[tuple[str, str]]:
    """What the inbox can be narrowed to, with counts."""
    names = [(f"{state.capitalize()} {counts[state]}", state) for state in STATES]
    return [*names, (f"All {sum(counts.values())}", "")]


def inbox_html(queries: Sequence[Query], selected: str, most: int) -> str:
    """The list of queries; a click opens one."""
    if not queries:
        return '<p class="hint">No query here.</p>'
    rows = "".join(f"<li>{_row(query, query.id == selected)}</li>" for query in queries[:most])
    more = '<p class="hint">Only the first are shown: search for others.</p>' if len(queries) > most else ""
    return f"<ul>{rows}</ul>{more}"


def _row(query: Query, selected: bool) -> str:
    meta = " · ".join(filter(None, (escape(query.member), _ago(query.changed_at))))
    current = ' aria-current="true"' if selected else ""
    return (
        f'<a class="row" href="?query={escape(query.id)}"{current}>'
        f'<span class="asked">{escape(query.text)}</span>'
        f'<span class="meta">{_badge(query.state)} {meta}</span></a>'
    )


def _badge(state: str) -> str:
    return f'<span class="badge {state.replace(" ", "-")}">{state}</span>'


def _ago(when: datetime) -> str:
    seconds = max(0.0, (now() - when).total_seconds())
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name} ago"
    return "just now"


def busy_html(line: str) -> str:
    """While something is looked for."""
    return f'<p class="hint">{escape(line)}</p>'


def empty_html(new: int) -> str:
    """The right side while no query is open."""
    waiting = f"{new} new {'query waits' if new == 1 else 'queries wait'} for an answer." if new else ""
    return f'<div class="hint big"><p>Choose a query on the left, or add some.</p><p>{waiting}</p></div>'


def query_html(query: Query) -> str:
    """The query itself."""
    facts = [escape(query.member), escape(query.source), f"received {_moment(query.received_at)}"]
    if query.link:
        facts.append(link(query.link, "Open in the forum"))
    return (
        f'<article class="query" data-id="{escape(query.id)}">'
        f"<header>{_badge(query.state)} {' · '.join(filter(None, facts))}</header>"
        f'<p class="asked">{escape(query.text)}</p></article>'
    )


def alike_html(query: Query, found: Alikes) -> str:
    """Answers that could be reused and open queries that ask the same; nothing when there are none."""
    parts = []
    if found.answered:
        parts.append(f"<h3>Answered before</h3>{answers_html(found.answered, query)}")
    if found.waiting:
        items = "".join(
            f'<li><a class="open" href="?query={escape(a.query.id)}">{escape(a.query.text)}</a> '
            f"{_badge(a.query.state)} <small>{escape(a.query.member)} {_percent(a)}</small></li>"
            for a in found.waiting
        )
        parts.append(f"<h3>Asked as well</h3><ul>{items}</ul>")
    return f'<section class="alike">{"".join(parts)}</section>' if parts else ""


def answers_html(found: Sequence[Alike], query: Query | None) -> str:
    """Answers, each with a button that takes it as the draft of a query, where that is open."""
    if not found:
        return '<p class="hint">No answer holds these words.</p>'
    may = query is not None and query.state not in ("approved", "posted")
    return f"<ul>{''.join(_answer(alike, may) for alike in found)}</ul>"


def _answer(alike: Alike, may_be_used: bool) -> str:
    revision = alike.answer
    body = escape(revision.body) if revision else ""
    use = (
        f'<button type="button" class="use" data-desk="reuse" data-id="{escape(alike.query.id)}">'
        "Use as draft</button>"
    )
    return (
        f'<li><a class="open" href="?query={escape(alike.query.id)}">{escape(alike.query.text)}</a> '
        f"{_badge(alike.query.state)} <small>{_percent(alike)}</small>"
        f"<details><summary>Read</summary><p>{body}</p></details>{use if may_be_used else ''}</li>"
    )


def _percent(alike: Alike) -> str:
    return f"{alike.cosine:.0%} alike" if alike.cosine else ""


# The draft


def checks_html(review: Review | None, number: int | None, saved: bool) -> str:
    """The draft with what its checks found, right where it stands."""
    if review is None:
        return '<p class="hint">No draft yet. “Draft” asks the corpus, or write one yourself.</p>'
    return (
        f'<div class="checks">{_verdict(review)}{_saved(number, saved)}'
        f'<div class="mirror" tabindex="0" role="region" aria-label="Draft with its checks">{_mirror(review)}'
        "</div></div>"
    )


def _verdict(review: Review) -> str:
    wrong, weak = len(review.unsupported), review.weak
    if wrong:
        words = f"{_count(wrong, 'sentence')} not supported" + (f", {weak} weak" if weak else "")
        return f'<p class="verdict bad">✗ {words}</p>'
    if weak:
        return f'<p class="verdict fair">? {_count(weak, "sentence")} only weakly supported</p>'
    return '<p class="verdict good">✓ Everything is supported</p>'


def _saved(number: int | None, saved: bool) -> str:
    if not saved:
        return '<p class="saved desk-unsaved">Unsaved changes</p>'
    return f'<p class="saved">Revision {number + 1}, saved</p>' if number is not None else ""


def _mirror(review: Review) -> str:
    parts, done, told = [], 0, False
    for sentence in review.sentences:
        between = review.body[done : sentence.start]
        parts.append(escape(between.lstrip(" ").removeprefix("\n") if told else between))
        parts.append(_sentence(review.body[sentence.start : sentence.end], sentence))
        done, told = sentence.end, sentence.support in ("weak", "unsupported")  # a doubt ends its line
    return "".join(parts) + escape(review.body[done:])


def _sentence(text: str, sentence: Checked) -> str:
    if sentence.support in (PLAIN, "supported"):
        return f'<span class="s {sentence.support}">{escape(text)}</span>'
    why = (
        f'<span class="doubt">{_SIGNS[sentence.support]} {sentence.support}: {escape(sentence.doubt)}</span>'
    )
    return f'<span class="s {sentence.support}">{escape(text)}</span>{why}'


def conflict_html(theirs: Revision, mine: str) -> str:
    """What somebody else saved meanwhile, and how one's own text differs from it."""
    changes = changes_html(Article("", theirs.body), Article("", mine))
    return (
        f'<section class="conflict" role="alert"><h3>{escape(theirs.author)} saved revision '
        f"{theirs.number + 1} meanwhile</h3><p>Nothing is lost: theirs is kept, and yours is still in the "
        "editor. Take over what you want from theirs and save again, which puts yours on top.</p>"
        f"<details open><summary>What yours changes in theirs</summary>{changes}</details>"
        f"<details><summary>Their text</summary><pre>{escape(theirs.body)}</pre></details></section>"
    )


def remarks_html(revision: Revision | None) -> str:
    """What the product says about the answer, for the desk alone."""
    if revision is None:
        return ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in remarks(revision.answer))
    abstained = "<li>The corpus does not answer this query: it is listed under Gaps.</li>"
    items = (abstained if revision.answer.abstained else "") + notes
    return f'<ul class="remarks" aria-label="Remarks for the desk">{items}</ul>' if items else ""


def evidence_html(revision: Revision | None, hits: Mapping[int, Hit], cited: Iterable[int]) -> str:
    """The frozen passages, those that the text cites first."""
    if revision is None or not revision.answer.citations:
        return ""
    used = list(cited)
    order = sorted(revision.answer.citations, key=lambda c: (c.n not in used, c.n))
    cards = "".join(_card(c, hits.get(c.n), c.n in used) for c in order)
    return f'<section class="evidence"><h3>Evidence</h3><div class="cards">{cards}</div></section>'


def _card(citation: Citation, hit: Hit | None, used: bool) -> str:
    when = citation.published.isoformat() if citation.published else "undated"
    copies = f"<small>{one_origin(citation.copies)}</small>" if citation.copies else ""
    unused = "" if used else '<span class="unused">not cited in the text</span>'
    return (
        f'<article class="card{"" if used else " aside"}" id="evidence-{citation.n}">'
        f"<header><b>[{citation.n}]</b> "
        f"{escape(citation.publisher or 'unknown publisher')} <time>{when}</time> "
        f'<span class="kind {citation.kind}">{KINDS[citation.kind]}</span>{unused}</header>'
        f"<h4>{escape(citation.title or citation.url)}</h4><p>{_in_context(citation, hit)}</p>"
        f"<footer>{link(citation.url, 'Open original')} {copies}</footer></article>"
    )


def _in_context(citation: Citation, hit: Hit | None) -> str:
    """The passage marked, with a little of its article around it."""
    if hit is None:
        return f"<mark>{escape(citation.quote)}</mark>"
    text, start, end = hit.article.text, hit.passage.start, hit.passage.end
    before, after = text[max(0, start - _AROUND_CHARS) : start], text[end : end + _AROUND_CHARS]
    if start > _AROUND_CHARS:  # whole words
        before = "… " + before.split(" ", 1)[-1]
    if end + _AROUND_CHARS < len(text):
        after = after.rsplit(" ", 1)[0] + " …"
    return f"{escape(before)}<mark>{escape(text[start:end])}</mark>{escape(after)}"


def post_html(query: Query, revision: Revision | None, format: posting.Format) -> str:
    """The saved draft in the markup of a forum, to be copied, and how it looks."""
    if revision is None:
        return '<p class="hint">There is nothing to post yet.</p>'
    early = "" if query.state in DONE else '<p class="hint">Nobody has approved this text yet.</p>'
    text = posting.rendered(revision.body, revision.answer.citations, format)
    looks = posting.rendered(revision.body, revision.answer.citations, "html")
    return (
        f'<div class="post">{early}<button type="button" class="copy" data-desk="copy">'
        f"Copy {posting.NAMES[format]}</button>"
        f'<span class="copied" role="status"></span><pre tabindex="0" aria-label="Post">{escape(text)}</pre>'
        f'<details><summary>How it looks</summary><div class="looks">{looks}</div></details></div>'
    )


def history_html(events: Sequence[Event], revisions: Sequence[Revision]) -> str:
    """The trail, the newest line first, and what each revision changed."""
    lines = "".join(
        f"<li><time>{_moment(e.at)}</time> <b>{escape(e.who)}</b> {escape(e.what)} "
        f"<small>{escape(e.detail)}</small></li>"
        for e in reversed(events)
    )
    changes = "".join(
        f"<details><summary>Revision {later.number + 1} by {escape(later.author)}, "
        f"{_moment(later.created_at)}</summary>"
        f"{changes_html(Article('', earlier.body), Article('', later.body))}</details>"
        for earlier, later in reversed(list(pairwise(revisions)))
    )
    return f'<ol class="trail">{lines}</ol>{changes}'


# Stale answers and gaps


def stale_html(found: Sequence[Stale]) -> str:
    """The answers whose evidence is not what it was, each with the difference."""
    if not found:
        return '<p class="hint big">Every answer rests on evidence that is as it was.</p>'
    return "".join(map(_stale, found))


def _stale(item: Stale) -> str:
    id_ = escape(item.query.id)
    alarms = "".join(map(_alarm, item.alarms))
    return (
        f'<article class="stale"><h3><a class="open" href="?query={id_}">{escape(item.query.text)}</a> '
        f"{_badge(item.query.state)}</h3>{alarms}<footer>"
        f'<button type="button" data-desk="renew" data-id="{id_}">Reopen with today’s evidence</button> '
        f'<button type="button" data-desk="keep" data-id="{id_}">Still right</button></footer></article>'
    )


def _alarm(alarm: Alarm) -> str:
    citation = alarm.citation
    head = f"<p><b>[{citation.n}]</b> {escape(citation.title or citation.url)}: {escape(alarm.text)}</p>"
    if alarm.why == "changed" and alarm.before and alarm.after:
        changes = changes_html(alarm.before, alarm.after)
        return f"{head}<details open><summary>What changed</summary>{changes}</details>"
    if alarm.why == "overtaken" and alarm.after:
        newer = alarm.after
        title = link(newer.url, newer.title or newer.url)
        return f"{head}<p>{title} <small>{escape(newer.label)}</small></p><p>{escape(newer.text[:400])} …</p>"
    return f"{head}<blockquote>{escape(citation.quote)}</blockquote>"


def gaps_html(groups: Sequence[Group]) -> str:
    """What the corpus could not answer, the most asked first."""
    if not groups:
        return '<p class="hint big">Every question that was asked has an answer.</p>'
    rows = "".join(map(_gap, groups))
    return (
        '<table><thead><tr><th scope="col">Asked</th><th scope="col">Question</th>'
        '<th scope="col">Not in the corpus</th><th scope="col">Last asked</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _gap(group: Group) -> str:
    others = "".join(f"<li>{escape(gap.text)} <small>{gap.where}</small></li>" for gap in group.gaps[1:])
    more = (
        f"<details><summary>{len(group.gaps) - 1} more</summary><ul>{others}</ul></details>" if others else ""
    )
    first = group.gaps[0]
    text = escape(group.text)
    asked = f'<a class="open" href="?query={escape(first.query_id)}">{text}</a>' if first.query_id else text
    missing = ", ".join(map(escape, group.missing))
    last = max(gap.asked_at for gap in group.gaps)
    return (
        f"<tr><td class='count'>{len(group.gaps)}×</td><td>{asked}{more}</td><td>{missing or '–'}</td>"
        f"<td><time>{last:%Y-%m-%d}</time></td></tr>"
    )


def told_html(told: Told) -> str:
    """How far a batch is."""
    failed = f" {_count(told.failed, 'query', 'queries')} got no draft: {told.failure}" if told.failed else ""
    if not told.total:
        return status_html("There is no new query.")
    if told.over:
        made = told.done - told.failed
        return status_html(f"{made} of {told.total} drafted.{failed}", bool(told.failed))
    bar = f'<progress max="{told.total}" value="{told.done}" aria-label="Drafted"></progress>'
    return f'<p class="status">Drafting {told.done + 1} of {told.total} {bar}{escape(failed)}</p>'


def status_html(line: str, failed: bool = False) -> str:
    """What came of an action."""
    return f'<p class="{"failure" if failed else "status"}">{escape(line)}</p>' if line else ""


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
