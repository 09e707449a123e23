"""Texts and bytes that nobody wrote: what any input may do to the parts that read it.

targets.py    one function per part: any bytes in, an answer or one of dbadmin's own errors out
__main__.py   `python -m tests.fuzz [TARGET…] --seconds N`: the same functions under atheris, guided by coverage
"""
