INSERT INTO products (id, name) VALUES (1, 'Lampe'), (2, 'Stuhl');
