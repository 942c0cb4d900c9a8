"""From a question to an answer that can be checked.

The path of an article into the index:

``chunk`` cuts it into passages, ``embed`` turns them into vectors, ``index`` stores both in
Chroma, ``lexical`` adds BM25, and ``ingest`` keeps all of it in step with the sources.

The path of a question, one file a step:

1. ``understand``  a follow-up becomes a question that stands alone
2. ``retrieve``    dense and lexical search, fused by reciprocal rank
3. ``select``      the sentences that fit the prompt, or a refusal when there is no evidence
4. ``generate``    the prompt and the streamed reply of the language model
5. ``ground``      markers become citations, and each sentence is checked against what it cites

``chain`` wires the steps into one function: question in, ``Answer`` out. The values that they
pass on are in ``types``, what a person may set is in ``settings``.
"""
