INSERT INTO team (id, name) VALUES (1, 'Preventers'), (2, 'Z-Force');
INSERT INTO hero (id, name, secret_name, created_at, team_id) VALUES
    (1, 'Deadpond', 'Dive Wilson', '2026-02-04 08:00:00', 2), (2, 'Rusty-Man', 'Tommy Sharp', '2026-02-05 08:00:00', 1),
    (3, 'Spider-Boy', NULL, '2026-02-06 08:00:00', 1);
