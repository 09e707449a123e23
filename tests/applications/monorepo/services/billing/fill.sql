INSERT INTO invoices (id, number, created_at) VALUES (1, '2026-001', '2026-02-03 08:00:00'), (2, '2026-002', '2026-02-04 08:00:00');
INSERT INTO invoice_lines (id, invoice_id, amount) VALUES (1, 1, 19.90), (2, 1, 5.00), (3, 2, 120.00);
