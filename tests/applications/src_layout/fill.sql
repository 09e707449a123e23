INSERT INTO shelves (id, label) VALUES (1, 'A-1'), (2, 'B-7');
INSERT INTO goods (id, name, amount, shelf_id) VALUES (1, 'Schraube M4', 400, 1), (2, 'Mutter M4', 380, 1), (3, 'Leim', 12, 2);
