"""Guise: keep people out of the data that pictures give away.

Three engines, each usable alone, and none imports another:

* `guise.chameleon`: one personal mask per user, so that face recognition does not link their photos.
* `guise.dpaf`: synthetic images of a private dataset, with a proven (epsilon, delta).
* `guise.harmless`: what a model provably ignores, and pictures made of it.

Importing this package imports none of them; `from guise import chameleon` does.
"""
