"""The stores: one for each concept, which sends the SQL that reads and changes it."""
