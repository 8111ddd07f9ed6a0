-- name: select_columns
-- What a view shows of a table of its tenant.
SELECT {columns}
FROM {target}
