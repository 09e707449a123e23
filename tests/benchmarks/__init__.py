"""Benchmarks: whole processes beside what they are held against, in turn, as ratios within one run.

    python -m tests.benchmarks                 # every row
    python -m tests.benchmarks help status     # some
    python -m tests.benchmarks --json out.json

Nothing here asserts a time: machines differ and are busy. The aim of each row is printed beside its ratio.
"""
