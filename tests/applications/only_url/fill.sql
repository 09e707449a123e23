INSERT INTO books (id, title) VALUES (1, 'Garden'), (2, 'Kitchen');
INSERT INTO notes (id, book_id, text, created_at) VALUES
    (1, 1, 'prune the pear', '2026-01-03 08:00:00'), (2, 1, 'sow peas', '2026-01-04 08:00:00'), (3, 2, 'żurek', '2026-01-05 08:00:00');
