"""The pages of docs/reference, written from the code: `python -m tests.pages`; a test says when one is stale."""
