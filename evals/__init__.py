"""Suites of questions with known answers, and the runner that puts them to the product.

``suite`` reads suites and scores answers, ``run`` is the command, ``suites/`` holds the cases and
``peers/`` other systems that answer the same questions for comparison.
"""
