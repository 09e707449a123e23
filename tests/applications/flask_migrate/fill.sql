INSERT INTO author (id, name) VALUES (1, 'Ada'), (2, 'Émilie');
INSERT INTO blog_post (id, title, created, author_id) VALUES
    (1, 'On engines', '2026-02-12 08:00:00', 1), (2, 'On notes', '2026-02-13 08:00:00', 1), (3, 'On fire', '2026-02-14 08:00:00', 2);
