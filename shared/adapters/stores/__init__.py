"""One store for each concept: the SQL that reads it and the transaction that changes it."""
