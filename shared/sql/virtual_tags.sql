-- name: read_virtual_tags
-- The tenant's virtual tags, or those with some names.
-- param: names ARRAY<STRING>
-- param: all_of_them BOOL
SELECT
  name,
  rules,
  updated_at,
  updated_by_user_id
FROM {dataset}.x_meta_virtual_tags
WHERE @all_of_them
  OR name IN UNNEST(@names)
ORDER BY name

-- name: replace_virtual_tag
-- Stores a virtual tag, or replaces its rules. It fails if the tenant has as many other tags as it may have.
-- param: name STRING
-- param: rules STRING
-- param: updated_at TIMESTAMP
-- param: user_id STRING
-- param: most_tags INT64
MERGE {dataset}.x_meta_virtual_tags AS tags
USING (
  SELECT
    IF(
      (SELECT COUNT(*) FROM {dataset}.x_meta_virtual_tags WHERE name != @name) >= @most_tags,
      ERROR('Refused: TOO_MANY'),
      @name
    ) AS name
) AS given
ON tags.name = given.name
WHEN MATCHED THEN UPDATE SET
  rules = @rules,
  updated_at = @updated_at,
  updated_by_user_id = @user_id
WHEN NOT MATCHED THEN INSERT (name, rules, updated_at, updated_by_user_id)
  VALUES (given.name, @rules, @updated_at, @user_id)

-- name: delete_virtual_tag
-- Removes a virtual tag.
-- param: name STRING
DELETE FROM {dataset}.x_meta_virtual_tags
WHERE name = @name
