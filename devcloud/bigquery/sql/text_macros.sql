-- Functions of text and bytes with BigQuery's semantics. The file is read before macros.sql.

-- Letters whose upper case is longer, except the German sharp s.
CREATE OR REPLACE MACRO bq_upper(s) AS
  CASE WHEN strlen(s) = length(s) THEN upper(s)
       WHEN regexp_matches(s, '[ŉǰΐΰևẖ-ẚὐὒὔὖᾀ-ᾯᾲ-ᾴᾶᾷᾼῂ-ῄῆῇῌῒΐῖῗῢ-ῤῦῧῲ-ῴῶῷῼﬀ-ﬆﬓ-ﬗ]') THEN error('notImplemented UPPER of a letter that becomes several') ELSE upper(replace(s, 'ß', 'SS')) END;
CREATE OR REPLACE MACRO bq_spaces() AS ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(133) || chr(160) || chr(5760) || chr(8192) || chr(8193) || chr(8194) || chr(8195) || chr(8196) || chr(8197) || chr(8198) || chr(8199) || chr(8200) || chr(8201) || chr(8202) || chr(8232) || chr(8233) || chr(8239) || chr(8287) || chr(12288);
CREATE OR REPLACE MACRO bq_trim(s) AS trim(s, bq_spaces());
CREATE OR REPLACE MACRO bq_ltrim(s) AS ltrim(s, bq_spaces());
CREATE OR REPLACE MACRO bq_rtrim(s) AS rtrim(s, bq_spaces());
CREATE OR REPLACE MACRO bq_replace(s, old, new) AS CASE WHEN old = '' THEN CASE WHEN new IS NULL THEN NULL ELSE s END ELSE replace(s, old, new) END;
-- Positions count code points from 1; 0 means 1, a negative one counts from the end.
CREATE OR REPLACE MACRO bq_chars(s) AS string_split(s, '');
CREATE OR REPLACE MACRO bq_start(s, p) AS CASE WHEN p > 0 THEN p WHEN p = 0 THEN 1 ELSE greatest(length(s) + p + 1, 1) END;
CREATE OR REPLACE MACRO bq_substr(s, p) AS substring(s, bq_start(s, p));
CREATE OR REPLACE MACRO bq_substr_length(s, p, n) AS
  CASE WHEN n < 0 THEN error('Third argument in SUBSTR() cannot be negative') WHEN n > 2147483647 THEN substring(s, bq_start(s, p)) ELSE substring(s, bq_start(s, p), n) END;
CREATE OR REPLACE MACRO bq_left(s, n) AS CASE WHEN n < 0 THEN error('Second argument in LEFT() cannot be negative') ELSE substring(s, 1, n) END;
CREATE OR REPLACE MACRO bq_right(s, n) AS
  CASE WHEN n < 0 THEN error('Second argument in RIGHT() cannot be negative') WHEN n = 0 THEN CASE WHEN s IS NULL THEN NULL ELSE '' END ELSE substring(s, greatest(length(s) - n + 1, 1)) END;
-- A text that is longer than BigQuery allows could end the process, so it is cut before it is refused.
CREATE OR REPLACE MACRO bq_most() AS 1048576;
CREATE OR REPLACE MACRO bq_repeat(s, n) AS
  CASE WHEN n < 0 THEN error('Second argument in REPEAT() cannot be negative') WHEN CAST(n AS HUGEINT) * strlen(s) > bq_most() THEN error('Output of REPEAT exceeds max allowed output size of 1MB')
       ELSE repeat(s, CASE WHEN CAST(n AS HUGEINT) * strlen(s) > bq_most() THEN 0 ELSE n END) END;
CREATE OR REPLACE MACRO bq_reverse(s) AS CASE WHEN regexp_matches(s, '\pM|\x{200D}') THEN error('notImplemented REVERSE of combining characters') ELSE reverse(s) END;
CREATE OR REPLACE MACRO bq_lpad(s, n, p) AS
  CASE WHEN n < 0 THEN error('Second argument in LPAD() cannot be negative') WHEN p = '' THEN error('Third argument in LPAD() cannot be empty')
       WHEN n > bq_most() THEN error('Output of LPAD exceeds max allowed output size of 1MB') ELSE lpad(s, CAST(least(n, bq_most()) AS INTEGER), p) END;
CREATE OR REPLACE MACRO bq_rpad(s, n, p) AS
  CASE WHEN n < 0 THEN error('Second argument in RPAD() cannot be negative') WHEN p = '' THEN error('Third argument in RPAD() cannot be empty')
       WHEN n > bq_most() THEN error('Output of RPAD exceeds max allowed output size of 1MB') ELSE rpad(s, CAST(least(n, bq_most()) AS INTEGER), p) END;
CREATE OR REPLACE MACRO bq_split(s, d) AS
  CASE WHEN s IS NULL OR d IS NULL THEN NULL WHEN s = '' THEN [''] WHEN d = '' THEN regexp_extract_all(s, '(?s).') ELSE string_split(s, d) END;
CREATE OR REPLACE MACRO bq_initcap(s) AS
  array_to_string(list_transform(regexp_extract_all(s, '(?s)[^ \t\n\r\f\v\[\](){}/|<>!?@"^#$&~_,.:;*%+\\-]+|[ \t\n\r\f\v\[\](){}/|<>!?@"^#$&~_,.:;*%+\\-]'), lambda w: upper(substring(w, 1, 1)) || lower(substring(w, 2))), '');
CREATE OR REPLACE MACRO bq_translate(s, old, new) AS
  CASE WHEN len(list_distinct(bq_split(old, ''))) < length(old) THEN error('Duplicate character in TRANSLATE source characters') ELSE translate(s, old, new) END;
CREATE OR REPLACE MACRO bq_code_points(s) AS list_transform(regexp_extract_all(s, '(?s).'), lambda c: CAST(unicode(c) AS BIGINT));
CREATE OR REPLACE MACRO bq_byte_values(b) AS list_transform(regexp_extract_all(hex(b), '..'), lambda h: CAST(concat('0x', h) AS BIGINT));
CREATE OR REPLACE MACRO bq_from_code_points(points) AS CASE WHEN len(points) = coalesce(list_count(points), 0) THEN array_to_string(list_transform(points, lambda p: chr(CAST(p AS INTEGER))), '') END;
CREATE OR REPLACE MACRO bq_from_byte_values(points) AS
  CASE WHEN len(points) = 0 THEN unhex('') WHEN len(points) = coalesce(list_count(points), 0) THEN unhex(array_to_string(list_transform(points, lambda p: CASE WHEN p BETWEEN 0 AND 255 THEN printf('%02x', p) ELSE error('Invalid byte value') END), '')) END;
CREATE OR REPLACE MACRO bq_from_hex(s) AS CASE WHEN length(s) % 2 = 1 THEN unhex('0' || s) ELSE unhex(s) END;
CREATE OR REPLACE MACRO bq_safe_text(b) AS
  CASE WHEN b IS NULL THEN NULL WHEN TRY(decode(b)) IS NULL THEN error('notImplemented SAFE_CONVERT_BYTES_TO_STRING of invalid UTF-8') ELSE decode(b) END;
