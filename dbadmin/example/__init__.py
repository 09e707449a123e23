"""A small SaaS backend: accounts, payments and a blog."""
