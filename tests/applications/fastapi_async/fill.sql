INSERT INTO customers (id, email) VALUES (1, 'ada@example.org'), (2, 'grete@example.org');
INSERT INTO orders (id, customer_id, article, created_at) VALUES
    (1, 1, 'Lampe', '2026-03-05 08:00:00'), (2, 1, 'Żyrandol', '2026-03-06 09:30:00'), (3, 2, 'Stuhl', '2026-03-07 12:00:00');
