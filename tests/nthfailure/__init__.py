"""Fail the Nth outside act: every command that copies, backs up or restores, broken off at every step of its own.

inject.py     runs the real command line and counts what it does outside of its own memory; breaks one of these off
worlds.py     one engine's source, decoys and temporary directory, and what is found there
scenarios.py  the commands, and what has to be true whatever became of them
steps.py      what a run did, step by step; a run with one of them broken
choosing.py   which steps are broken, and how
cells.py      one run, and the judgement of it
`python -m tests.nthfailure` runs them and prints the figures.
"""
