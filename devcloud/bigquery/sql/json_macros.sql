-- JSON functions with BigQuery's semantics. The file is read after macros.sql.

-- DuckDB reads a JSON number with decimals as a double. A number that would lose digits is refused. Digits inside a
-- string are not a number.
CREATE OR REPLACE MACRO bq_has_wide_number(s) AS
  CASE WHEN regexp_matches(s, '[0-9.]{16}')
       THEN len(list_filter(regexp_extract_all(regexp_replace(s, '"(?:[^"\\]|\\.)*"', '', 'g'), '-?[0-9]+\.[0-9]+'), lambda n: length(n) > 16 AND CAST(CAST(n AS DOUBLE) AS VARCHAR) <> n)) > 0
       ELSE FALSE END;
CREATE OR REPLACE MACRO bq_has_overflow(s) AS
  CASE WHEN regexp_matches(s, '[0-9][eE][+]?[0-9]{2}|[0-9]{300}')
       THEN len(list_filter(regexp_extract_all(regexp_replace(s, '"(?:[^"\\]|\\.)*"', '', 'g'), '-?[0-9]+(?:\.[0-9]+)?(?:[eE][+]?[0-9]+)?'), lambda n: isinf(CAST(n AS DOUBLE)))) > 0
       ELSE FALSE END;
CREATE OR REPLACE MACRO bq_has_wide_integer(s) AS
  CASE WHEN regexp_matches(s, '[0-9]{19}')
       THEN len(list_filter(regexp_extract_all(regexp_replace(s, '"(?:[^"\\]|\\.)*"', '', 'g'), '-?[0-9][0-9.eE+-]*'), lambda n: regexp_full_match(n, '-?[0-9]{19,}') AND coalesce(TRY_CAST(n AS HUGEINT) NOT BETWEEN -9223372036854775808 AND 18446744073709551615, TRUE))) > 0
       ELSE FALSE END;
-- A document as BigQuery stores it: members sorted by name, only the first of equal names, doubles in one form. Only
-- the objects of the first two levels are sorted, because each further level takes four times as long to bind. Most
-- documents have one level.
CREATE OR REPLACE MACRO bq_json_double_text(j) AS CAST(CAST(CAST(j AS VARCHAR) AS DOUBLE) AS VARCHAR);
CREATE OR REPLACE MACRO bq_json_leaf(j) AS CASE WHEN json_type(j) = 'DOUBLE' THEN bq_json_double_text(j) ELSE CAST(j AS VARCHAR) END;
CREATE OR REPLACE MACRO bq_json_parts(j) AS
  CASE json_type(j) WHEN 'OBJECT' THEN list_transform(list_sort(list_distinct(json_keys(j))), lambda k: {'name': bq_json_quote(k) || ':', 'item': json_extract(j, '/' || replace(replace(k, '~', '~0'), '/', '~1'))})
       ELSE list_transform(CAST(j AS JSON[]), lambda e: {'name': '', 'item': e}) END;
CREATE OR REPLACE MACRO bq_json_inner(j) AS
  CASE WHEN json_type(j) IN ('OBJECT', 'ARRAY') THEN left(CAST(j AS VARCHAR), 1) || array_to_string(list_transform(bq_json_parts(j), lambda part: part.name || bq_json_leaf(part.item)), ',') || right(CAST(j AS VARCHAR), 1)
       ELSE bq_json_leaf(j) END;
CREATE OR REPLACE MACRO bq_json_normal(j) AS
  list_transform([j], lambda document:
  CASE WHEN NOT regexp_matches(CAST(document AS VARCHAR), '.[,\[{]|(?:^|:)-?[0-9]+[.eE]') THEN document
       WHEN NOT regexp_matches(CAST(document AS VARCHAR), '^\[|.[\[{]|:-?[0-9]+[.eE]') AND json_keys(document) = list_sort(list_distinct(json_keys(document))) THEN document
       WHEN json_type(document) IN ('OBJECT', 'ARRAY')
         THEN CAST(left(CAST(document AS VARCHAR), 1) || array_to_string(list_transform(bq_json_parts(document), lambda part: part.name || bq_json_inner(part.item)), ',') || right(CAST(document AS VARCHAR), 1) AS JSON)
       ELSE CAST(bq_json_leaf(document) AS JSON) END)[1];
-- DuckDB also accepts NaN, infinities and a comma before a bracket.
CREATE OR REPLACE MACRO bq_is_json(s) AS
  CASE WHEN regexp_matches(s, '(?i)nan|inf|,\s*[\]}]') THEN NOT regexp_matches(regexp_replace(s, '"(?:[^"\\]|\\.)*"', '', 'g'), '(?i)nan|inf|,\s*[\]}]') ELSE TRUE END AND json_valid(s);
CREATE OR REPLACE MACRO bq_parse_json(s) AS
  list_transform([s], lambda text:
  CASE WHEN text IS NULL THEN NULL
       WHEN CASE WHEN regexp_matches(text, '[0-9.]{16}|[0-9][eE][+]?[0-9]{2}') THEN bq_has_wide_number(text) OR bq_has_overflow(text) ELSE FALSE END
         THEN error('Invalid input: ' || CASE WHEN bq_has_overflow(text) THEN 'number overflow' ELSE 'a number cannot round-trip through string representation' END)
       WHEN bq_has_wide_integer(text) THEN error('Invalid input: a number cannot round-trip through string representation')
       WHEN bq_is_json(text) THEN bq_json_normal(json(text)) ELSE error('Invalid input: syntax error while parsing value') END)[1];
-- The same for text without numbers and spaces. Most such texts are objects of one level whose names are sorted already.
CREATE OR REPLACE MACRO bq_are_ascending(names) AS
  list_transform([names], lambda listed: len(list_filter(listed, lambda name, i: i > 1 AND name <= listed[i - 1])) = 0)[1];
CREATE OR REPLACE MACRO bq_parse_quoted_json(s) AS
  list_transform([s], lambda quoted:
  CASE WHEN starts_with(quoted, '{') AND NOT (contains(quoted, ',}') OR contains(quoted, ':{') OR contains(quoted, ':['))
         AND CASE WHEN json_valid(quoted) THEN bq_are_ascending(json_keys(quoted)) ELSE FALSE END THEN json(quoted)
       ELSE bq_parse_json(quoted) END)[1];
-- BigQuery returns a number within a text as it is written there, DuckDB as a double. Digits within a string are no
-- number.
CREATE OR REPLACE MACRO bq_has_padded_number(s) AS
  CASE WHEN regexp_matches(s, '(?:^|[\[:,\s])-?[0-9]+\.[0-9]+0(?:[\]},\s]|$)')
       THEN json_valid(s) AND regexp_matches(regexp_replace(s, '"(?:[^"\\]|\\.)*"', '', 'g'), '\.[0-9]+0(?:[\]},\s]|$)')
       ELSE FALSE END;
CREATE OR REPLACE MACRO bq_lenient_json(s) AS
  CASE WHEN bq_has_wide_number(s) THEN CAST('bq: notImplemented JSON numbers of so many digits' AS JSON)
       WHEN bq_has_padded_number(s) THEN CAST('bq: notImplemented JSON numbers padded with zeros' AS JSON)
       ELSE TRY_CAST(s AS JSON) END;
-- In a statement over many columns their text is long, so it contains the document only once.
CREATE OR REPLACE MACRO bq_json_value(j, path) AS json_extract_string(json_value(j, path), '$');
-- DuckDB's path has no way to write some names, such as one that ends in a backslash, but its pointer takes every name.
-- The pointer of a number is also the position in an array, which the path is not.
CREATE OR REPLACE MACRO bq_json_member(j, name) AS json_extract(j,
  CASE WHEN regexp_full_match(name, '[0-9]+') THEN '$."' || name || '"'
       ELSE '/' || replace(replace(name, '~', '~0'), '/', '~1') END);
CREATE OR REPLACE MACRO bq_json_element(j, i) AS json_extract(j, '$[' || i || ']');
CREATE OR REPLACE MACRO bq_json_kind(j) AS json_type(j);
CREATE OR REPLACE MACRO bq_json_scalar(j) AS
  list_transform([j], lambda scalar:
  CASE bq_json_kind(scalar) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL WHEN 'VARCHAR' THEN json_extract_string(scalar, '$')
       WHEN 'DOUBLE' THEN bq_json_number_text(scalar) ELSE CAST(scalar AS VARCHAR) END)[1];
CREATE OR REPLACE MACRO bq_json_number_text(j) AS
  list_transform([j], lambda number:
CASE WHEN regexp_full_match(CAST(number AS VARCHAR), '-?\d+\.0') THEN CAST(number AS VARCHAR) ELSE bq_float_text(TRY_CAST(CAST(number AS VARCHAR) AS DOUBLE)) END)[1];
CREATE OR REPLACE MACRO bq_json_elements(j) AS CASE WHEN bq_json_kind(j) = 'ARRAY' THEN CAST(j AS JSON[]) END;
CREATE OR REPLACE MACRO bq_json_scalars(j) AS
  CASE WHEN bq_json_kind(j) = 'ARRAY' AND NOT list_contains(list_transform(CAST(j AS JSON[]), lambda e: bq_json_kind(e) IN ('OBJECT', 'ARRAY')), TRUE)
       THEN list_transform(CAST(j AS JSON[]), lambda e: bq_json_scalar(e)) END;
CREATE OR REPLACE MACRO bq_json_type(j) AS
  CASE bq_json_kind(j) WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'NULL' THEN 'null'
       WHEN 'BIGINT' THEN 'number' WHEN 'UBIGINT' THEN 'number' WHEN 'DOUBLE' THEN 'number' WHEN 'HUGEINT' THEN 'number' WHEN 'DECIMAL' THEN 'number' END;
CREATE OR REPLACE MACRO bq_json_string(j) AS
  CASE WHEN j IS NULL THEN NULL WHEN bq_json_kind(j) = 'VARCHAR' THEN json_extract_string(j, '$') ELSE error('The provided JSON input is not a string') END;
CREATE OR REPLACE MACRO bq_json_bool(j) AS
  CASE WHEN j IS NULL THEN NULL WHEN bq_json_kind(j) = 'BOOLEAN' THEN TRY_CAST(CAST(j AS VARCHAR) AS BOOLEAN) ELSE error('The provided JSON input is not a boolean') END;
CREATE OR REPLACE MACRO bq_json_int(j) AS
  CASE WHEN j IS NULL THEN NULL WHEN bq_json_type(j) = 'number' AND TRY_CAST(CAST(j AS VARCHAR) AS BIGINT) IS NOT NULL THEN TRY_CAST(CAST(j AS VARCHAR) AS BIGINT) ELSE error('The provided JSON input is not an integer') END;
CREATE OR REPLACE MACRO bq_json_float(j) AS
  CASE WHEN j IS NULL THEN NULL WHEN bq_json_type(j) = 'number' THEN TRY_CAST(CAST(j AS VARCHAR) AS DOUBLE) ELSE error('The provided JSON input is not a number') END;
CREATE OR REPLACE MACRO bq_lax_string(j) AS bq_json_scalar(j);
CREATE OR REPLACE MACRO bq_lax_int(j) AS
  CASE bq_json_type(j) WHEN 'boolean' THEN CAST(TRY_CAST(CAST(j AS VARCHAR) AS BOOLEAN) AS BIGINT)
       WHEN 'number' THEN TRY_CAST(round(TRY_CAST(CAST(j AS VARCHAR) AS DOUBLE)) AS BIGINT)
       WHEN 'string' THEN TRY_CAST(round(TRY_CAST(json_extract_string(j, '$') AS DOUBLE)) AS BIGINT) END;
CREATE OR REPLACE MACRO bq_lax_float(j) AS
  CASE bq_json_type(j) WHEN 'number' THEN TRY_CAST(CAST(j AS VARCHAR) AS DOUBLE) WHEN 'string' THEN TRY_CAST(json_extract_string(j, '$') AS DOUBLE) END;
CREATE OR REPLACE MACRO bq_json_quote(s) AS CAST(to_json(s) AS VARCHAR);
CREATE OR REPLACE MACRO bq_json_int_text(x) AS CASE WHEN abs(CAST(x AS HUGEINT)) > 9007199254740992 THEN '"' || x || '"' ELSE CAST(x AS VARCHAR) END;
CREATE OR REPLACE MACRO bq_json_float_text(x) AS
  CASE WHEN isnan(x) THEN '"NaN"' WHEN isinf(x) THEN CASE WHEN x > 0 THEN '"Infinity"' ELSE '"-Infinity"' END ELSE bq_float_text(x) END;
CREATE OR REPLACE MACRO bq_json_stored_float(x) AS CASE WHEN isfinite(x) THEN CAST(CAST(x AS DOUBLE) AS VARCHAR) ELSE bq_json_float_text(x) END;
-- A number needs no quotes if a double keeps it to the ninth decimal place.
CREATE OR REPLACE MACRO bq_json_numeric_text(x) AS
  CASE WHEN abs(x) < 1000000000000000 AND x = trunc(x) THEN CAST(CAST(x AS BIGINT) AS VARCHAR)
       WHEN TRY_CAST(printf('%.9f', CAST(x AS DOUBLE)) AS DECIMAL(38,9)) = x THEN bq_numeric_text(x) ELSE '"' || bq_numeric_text(x) || '"' END;
CREATE OR REPLACE MACRO bq_json_stored_numeric(x) AS
  CASE WHEN starts_with(bq_json_numeric_text(x), '"') THEN error('Invalid input: ' || bq_numeric_text(x) || ' cannot be stored as a JSON number without a loss of precision') ELSE bq_json_numeric_text(x) END;
