-- name: select_columns
-- The query of a view over a table of its tenant.
SELECT {columns}
FROM {target}
