"""The only door to Alembic: revisions read, reviewed and told; env.py run in a guarded process of its own."""
