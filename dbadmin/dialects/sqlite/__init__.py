"""SQLite: one file for each concern; `dialect` puts them together."""
