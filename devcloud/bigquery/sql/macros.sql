-- Functions with BigQuery's semantics where DuckDB's differ. Errors have BigQuery's words. An error that starts with
-- `notImplemented` is for a value that these functions do not support. TRY accepts no volatile function, and error() is
-- one. So errors that SAFE_CAST may meet are raised by a cast of `bq: <message>`. A macro copies its argument to each
-- place that names it, and nested macros would grow exponentially. So a macro that names it often binds it in a lambda.

-- Text of numbers and times -----------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO bq_float_text(x) AS
  list_transform([x], lambda float:
  CASE WHEN isnan(float) THEN 'NaN' WHEN isinf(float) THEN CASE WHEN float > 0 THEN 'inf' ELSE '-inf' END
       WHEN CAST(printf('%.15g', CAST(float AS DOUBLE)) AS DOUBLE) = float THEN printf('%.15g', CAST(float AS DOUBLE)) ELSE printf('%.17g', CAST(float AS DOUBLE)) END)[1];
CREATE OR REPLACE MACRO bq_numeric_text(x) AS rtrim(rtrim(CAST(CAST(x AS DECIMAL(38,9)) AS VARCHAR), '0'), '.');
-- Fractions of a second have no, three or six digits.
CREATE OR REPLACE MACRO bq_short_fraction(text) AS regexp_replace(text, '(\.000000|000)$', '');
CREATE OR REPLACE MACRO bq_time_text(x) AS bq_short_fraction(strftime(DATE '1970-01-01' + x, '%H:%M:%S.%f'));
CREATE OR REPLACE MACRO bq_datetime_text(x) AS bq_short_fraction(strftime(x, '%Y-%m-%d %H:%M:%S.%f'));
CREATE OR REPLACE MACRO bq_timestamp_text(x) AS bq_datetime_text(timezone('UTC', x)) || '+00';
CREATE OR REPLACE MACRO bq_seconds_text(x) AS
  strftime(x, '%S') || CASE WHEN extract(microsecond FROM x) % 1000000 = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(extract(microsecond FROM x) % 1000000 AS VARCHAR), 6, '0'), '0') END;
CREATE OR REPLACE MACRO bq_seconds_digits(x, n) AS
  strftime(x, '%S') || CASE WHEN n = 0 THEN '' ELSE '.' || left(lpad(CAST(extract(microsecond FROM x) % 1000000 AS VARCHAR), 6, '0'), n) END;

-- Arithmetic --------------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO bq_float_divide(a, b) AS
  CASE WHEN b = 0 THEN CAST('bq: division by zero: ' || bq_float_text(a) || ' / ' || bq_float_text(b) AS DOUBLE) ELSE a / b END;
CREATE OR REPLACE MACRO bq_ieee_divide(a, b) AS
  CASE WHEN b <> 0 OR isnan(b) THEN a / b
       WHEN b = 0 AND (a = 0 OR isnan(a)) THEN CAST('nan' AS DOUBLE)
       WHEN b = 0 THEN CASE WHEN (a > 0) = (CAST(b AS VARCHAR) NOT LIKE '-%') THEN CAST('inf' AS DOUBLE) ELSE CAST('-inf' AS DOUBLE) END
  END;
CREATE OR REPLACE MACRO bq_mod(a, b) AS CASE WHEN b = 0 THEN CAST('bq: division by zero: MOD(' || a || ', 0)' AS BIGINT) ELSE a % b END;
CREATE OR REPLACE MACRO bq_div(a, b) AS CASE WHEN b = 0 THEN CAST('bq: division by zero: DIV(' || a || ', 0)' AS BIGINT) ELSE a // b END;
CREATE OR REPLACE MACRO bq_floor_divide(a, b) AS CASE WHEN a % b < 0 THEN a // b - 1 ELSE a // b END;
CREATE OR REPLACE MACRO bq_defined(y, x) AS CASE WHEN isnan(y) AND NOT isnan(x) THEN CAST('bq: Floating point error in function: ' || x AS DOUBLE) ELSE y END;
CREATE OR REPLACE MACRO bq_ln(x) AS CASE WHEN x <= 0 THEN CAST('bq: Floating point error in function: LN(' || x || ')' AS DOUBLE) ELSE ln(x) END;
CREATE OR REPLACE MACRO bq_log10(x) AS CASE WHEN x <= 0 THEN CAST('bq: Floating point error in function: LOG10(' || x || ')' AS DOUBLE) ELSE log10(x) END;
CREATE OR REPLACE MACRO bq_sqrt(x) AS CASE WHEN x < 0 THEN CAST('bq: Floating point error in function: SQRT(' || x || ')' AS DOUBLE) ELSE sqrt(x) END;
CREATE OR REPLACE MACRO bq_finite(x) AS CASE WHEN isinf(x) THEN error('Floating point overflow') ELSE x END;
CREATE OR REPLACE MACRO bq_pow(a, b) AS
  CASE WHEN a = 0 AND b < 0 THEN error('Floating point error in function: POW')
       WHEN isinf(pow(a, b)) AND NOT isinf(a) AND NOT isinf(b) THEN error('Floating point overflow in function: POW')
       ELSE pow(a, b) END;
CREATE OR REPLACE MACRO bq_float_sign(x) AS CASE WHEN isnan(x) THEN x ELSE CAST(sign(x) AS DOUBLE) END;
CREATE OR REPLACE MACRO bq_float_trunc(x, n) AS trunc(x * pow(10, n)) / pow(10, n);
CREATE OR REPLACE MACRO bq_shift_left(a, n) AS
  CASE WHEN n < 0 THEN error('Bitwise binary operator for INT64: shift by negative value') WHEN n > 63 THEN CAST(0 AS BIGINT)
       ELSE CAST(((CAST(a AS HUGEINT) & 18446744073709551615) * CAST(pow(2, n) AS HUGEINT) & 18446744073709551615) AS HUGEINT) - CASE WHEN ((CAST(a AS HUGEINT) & 18446744073709551615) * CAST(pow(2, n) AS HUGEINT) & 18446744073709551615) > 9223372036854775807 THEN 18446744073709551616 ELSE 0 END
  END::BIGINT;
CREATE OR REPLACE MACRO bq_shift_right(a, n) AS
  CASE WHEN n < 0 THEN error('Bitwise binary operator for INT64: shift by negative value') WHEN n > 63 THEN CAST(0 AS BIGINT)
       ELSE CAST((CAST(a AS HUGEINT) & 18446744073709551615) // CAST(pow(2, n) AS HUGEINT) AS BIGINT) END;
CREATE OR REPLACE MACRO bq_least(items) AS CASE WHEN list_bool_or(list_transform(items, lambda x: isnan(x))) THEN CAST('nan' AS DOUBLE) ELSE list_min(items) END;
-- Sorted numbers with NaN where BigQuery has it: below all others.
CREATE OR REPLACE MACRO bq_nan_first(items) AS
  list_transform([items], lambda l: list_filter(l, lambda x: x IS NULL) || list_filter(l, lambda x: isnan(x)) || list_filter(l, lambda x: NOT isnan(x)))[1];
CREATE OR REPLACE MACRO bq_nan_last(items) AS
  list_transform([items], lambda l: list_filter(l, lambda x: NOT isnan(x)) || list_filter(l, lambda x: isnan(x)) || list_filter(l, lambda x: x IS NULL))[1];
CREATE OR REPLACE MACRO bq_if_all_known(items, result) AS CASE WHEN len(items) = list_count(items) THEN result END;

-- NUMERIC: exact, 9 decimals, rounded half away from zero. Binding a macro's nodes takes longer than running them. So
-- the macros have few nodes, and multiply DECIMALs whose scales add up to 9 instead of integers ------------------------

CREATE OR REPLACE MACRO bq_below_one(x) AS CAST(x - trunc(x) AS DECIMAL(9,9));
-- Most numbers are below 10^9. For these the result of doubles is tried first and taken if exact arithmetic confirms it.
-- Exact products and quotients of 38 digits take six to twenty times as long.
CREATE OR REPLACE MACRO bq_numeric_multiply(x, y) AS
  list_transform(list_transform([{'x': x, 'y': y}], lambda p: {'x': p.x, 'y': p.y, 'near': TRY_CAST(CAST(p.x AS DOUBLE) * CAST(p.y AS DOUBLE) AS DECIMAL(18,9))}), lambda p:
    CASE WHEN abs(CAST(TRY_CAST(p.x AS DECIMAL(18,9)) * TRY_CAST(p.y AS DECIMAL(18,9)) - p.near AS DOUBLE)) < 0.499999e-9 THEN p.near
         ELSE trunc(p.x) * p.y + bq_below_one(p.x) * trunc(p.y) + CAST(bq_below_one(p.x) * bq_below_one(p.y) AS DECIMAL(38,9)) END)[1]::DECIMAL(38,9);
-- The absolute value in billionths, and back.
CREATE OR REPLACE MACRO bq_units(x) AS CAST(replace(CAST(abs(x) AS VARCHAR), '.', '') AS HUGEINT);
CREATE OR REPLACE MACRO bq_scaled(units) AS CAST(units AS DECIMAL(38,0)) * CAST(0.000000001 AS DECIMAL(9,9));
-- Twice the remainder times 10^9 must fit into a UHUGEINT. That holds for divisors below 1.7e20.
CREATE OR REPLACE MACRO bq_divide_units(u, v) AS
  list_transform([{'u': CAST(u AS UHUGEINT), 'v': CAST(v AS UHUGEINT)}], lambda q:
    CASE WHEN q.v >= 170000000000000000000000000000 THEN CAST('bq: ' || 'notImplemented NUMERIC division by 1.7e20 or more' AS UHUGEINT)
         ELSE (q.u // q.v) * 1000000000 + (2000000000 * (q.u % q.v) + q.v) // (2 * q.v) END)[1];
CREATE OR REPLACE MACRO bq_numeric_divide(x, y) AS
  list_transform(list_transform([{'x': x, 'y': y}], lambda p: {'x': p.x, 'y': p.y, 'near': TRY_CAST(CAST(p.x AS DOUBLE) / CAST(p.y AS DOUBLE) AS DECIMAL(18,9))}), lambda p:
    CASE WHEN p.y = 1 THEN p.x
         WHEN abs(CAST(TRY_CAST(p.x AS DECIMAL(28,18)) - p.near * TRY_CAST(p.y AS DECIMAL(18,9)) AS DOUBLE)) < abs(CAST(p.y AS DOUBLE)) * 0.499999e-9 THEN p.near
         ELSE CASE WHEN (p.x < 0) <> (p.y < 0) THEN -1 ELSE 1 END * bq_scaled(bq_divide_units(bq_units(p.x), bq_units(p.y))) END)[1]::DECIMAL(38,9);
CREATE OR REPLACE MACRO bq_numeric_average(total, number) AS CASE WHEN number > 0 THEN bq_numeric_divide(total, number) END;
CREATE OR REPLACE MACRO bq_ten_to(n) AS list_reduce(list_prepend(CAST(1 AS HUGEINT), list_transform(range(n), lambda i: CAST(10 AS HUGEINT))), lambda a, b: a * b);
CREATE OR REPLACE MACRO bq_round_units(u, unit) AS (u // unit + CASE WHEN 2 * (u % unit) >= unit THEN 1 ELSE 0 END) * unit;
CREATE OR REPLACE MACRO bq_numeric_round(x, n) AS
  list_transform([{'x': x, 'n': n}], lambda p:
    CASE WHEN p.n >= 9 THEN p.x WHEN p.n < -28 THEN CAST(0 AS DECIMAL(38,9))
         ELSE CASE WHEN p.x < 0 THEN -1 ELSE 1 END * bq_scaled(bq_round_units(bq_units(p.x), bq_ten_to(CASE WHEN p.n BETWEEN -28 AND 9 THEN 9 - p.n ELSE 0 END))) END)[1]::DECIMAL(38,9);
CREATE OR REPLACE MACRO bq_numeric_trunc(x, n) AS
  list_transform([{'x': x, 'n': n}], lambda p:
    CASE WHEN p.n >= 9 THEN p.x WHEN p.n < -28 THEN CAST(0 AS DECIMAL(38,9))
         ELSE CASE WHEN p.x < 0 THEN -1 ELSE 1 END * bq_scaled(bq_units(p.x) // bq_ten_to(CASE WHEN p.n BETWEEN -28 AND 9 THEN 9 - p.n ELSE 0 END) * bq_ten_to(CASE WHEN p.n BETWEEN -28 AND 9 THEN 9 - p.n ELSE 0 END)) END)[1]::DECIMAL(38,9);
-- DuckDB's own cast loses digits of large values, and rounds values very near a half wrongly. Such values are cast
-- through text, which takes a hundred times as long. For all others the whole part and the fraction are cast separately.
CREATE OR REPLACE MACRO bq_float_to_numeric(x) AS
  CASE WHEN isnan(x) OR isinf(x) THEN error('Illegal conversion of non-finite floating point number to numeric: ' || x)
       WHEN abs(x) < 9e18 AND abs(abs(x - trunc(x)) * 1e9 % 1 - 0.5) > 1e-5
         THEN CAST(CAST(CAST(trunc(x) AS BIGINT) AS DECIMAL(38,9)) + CAST(x - trunc(x) AS DECIMAL(18,9)) AS DECIMAL(38,9))
       WHEN abs(x) >= 1e29 THEN error('numeric out of range: ' || x)
       ELSE CAST(printf('%.25f', x) AS DECIMAL(38,9)) END;

-- Times ---------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO bq_offset_minutes(zone) AS
  CASE WHEN starts_with(zone, '-') THEN -1 ELSE 1 END
  * (CAST(regexp_extract(zone, '^[+-](\d{1,2})', 1) AS BIGINT) * 60 + CAST(coalesce(nullif(regexp_extract(zone, '^[+-]\d{1,2}:?(\d{2})$', 1), ''), '0') AS BIGINT));
CREATE OR REPLACE MACRO bq_is_offset(zone) AS regexp_full_match(zone, '[+-]\d{1,2}(:?\d{2})?');
CREATE OR REPLACE MACRO bq_local(ts, zone) AS
  CASE WHEN zone IS NULL THEN NULL WHEN bq_is_offset(zone) THEN timezone('UTC', ts) + to_minutes(CASE WHEN bq_is_offset(zone) THEN bq_offset_minutes(zone) ELSE 0 END)
       ELSE timezone(CASE WHEN upper(zone) = 'Z' OR bq_is_offset(zone) THEN 'UTC' ELSE zone END, ts) END;
-- If a local time occurs twice, DuckDB takes the second moment and GoogleSQL the first. The first has the offset of the
-- day before, if that offset gives this local time.
CREATE OR REPLACE MACRO bq_earlier(wall, zone, later) AS wall - (timezone(zone, later - to_days(1)) - timezone('UTC', later - to_days(1)));
CREATE OR REPLACE MACRO bq_first(wall, zone, later) AS
  CASE WHEN timezone(zone, timezone('UTC', bq_earlier(wall, zone, later))) = wall THEN timezone('UTC', bq_earlier(wall, zone, later)) ELSE later END;
CREATE OR REPLACE MACRO bq_from_local(local, zone) AS
  list_transform([{'at': local, 'zone': zone}], lambda wall:
  CASE WHEN wall.zone IS NULL THEN NULL WHEN bq_is_offset(wall.zone) THEN timezone('UTC', wall.at - to_minutes(CASE WHEN bq_is_offset(wall.zone) THEN bq_offset_minutes(wall.zone) ELSE 0 END))
       WHEN upper(wall.zone) IN ('Z', 'UTC') THEN timezone('UTC', wall.at)
       ELSE bq_first(wall.at, CASE WHEN bq_is_offset(wall.zone) THEN 'UTC' ELSE wall.zone END, timezone(CASE WHEN bq_is_offset(wall.zone) THEN 'UTC' ELSE wall.zone END, wall.at)) END)[1];
-- The same for a named zone. On most days the offset is that of the day before, and no local time occurs twice.
CREATE OR REPLACE MACRO bq_from_zone(local, zone) AS
  list_transform([local], lambda wall:
  CASE WHEN timezone(zone, timezone(zone, wall) - to_days(1)) = wall - to_days(1) THEN timezone(zone, wall)
       ELSE bq_first(wall, zone, timezone(zone, wall)) END)[1];
CREATE OR REPLACE MACRO bq_offset_text(ts, zone, sep) AS
  list_transform([date_diff('minute', timezone('UTC', ts), bq_local(ts, zone))], lambda m:
    CASE WHEN m < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(m) // 60 AS VARCHAR), 2, '0') || sep || lpad(CAST(abs(m) % 60 AS VARCHAR), 2, '0'))[1];
-- DuckDB's calendar has years that BigQuery's does not have.
CREATE OR REPLACE MACRO bq_in_years(x) AS
  list_transform([x], lambda moment: CASE WHEN year(moment) NOT BETWEEN 1 AND 9999 THEN CAST('bq: the result is outside of the years 1 to 9999' AS DATE) ELSE moment END)[1];
CREATE OR REPLACE MACRO bq_from_micros(us) AS bq_in_years(timezone('UTC', make_timestamp(us)));
CREATE OR REPLACE MACRO bq_date_plus(d, n) AS bq_in_years(CAST(d + CAST(n AS INTEGER) AS DATE));
CREATE OR REPLACE MACRO bq_make_date(y, m, d) AS bq_in_years(make_date(y, m, d));
CREATE OR REPLACE MACRO bq_make_time(h, m, s) AS make_time(h, m, CAST(s AS DOUBLE));
CREATE OR REPLACE MACRO bq_make_datetime(y, mo, d, h, mi, s) AS bq_in_years(make_timestamp(y, mo, d, h, mi, CAST(s AS DOUBLE)));

-- Values from text ----------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO bq_text_micros(x) AS CAST(rpad(regexp_extract(x, '\.(\d{0,6})', 1), 6, '0') AS BIGINT);
CREATE OR REPLACE MACRO bq_text_to_datetime(x) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL THEN NULL WHEN regexp_full_match(text, '\s*\d{4}-\d{1,2}-\d{1,2}([ Tt]\d{1,2}:\d{1,2}:\d{1,2}(\.\d{0,6})?)?\s*')
         THEN CAST(replace(replace(trim(text), 'T', ' '), 't', ' ') AS TIMESTAMP)
       ELSE CAST('bq: ' || 'Invalid datetime: ''' || text || '''' AS TIMESTAMP) END)[1];
CREATE OR REPLACE MACRO bq_text_to_int(x) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL THEN NULL WHEN regexp_full_match(text, '\s*[+-]?[0-9]+\s*') THEN CAST(trim(text) AS BIGINT)
       WHEN regexp_full_match(text, '\s*[+-]?0[xX][0-9a-fA-F]+\s*') THEN CAST('bq: ' || 'notImplemented CAST of hexadecimal text' AS BIGINT)
       ELSE CAST('bq: ' || 'Bad int64 value: ' || text AS BIGINT) END)[1];
CREATE OR REPLACE MACRO bq_text_to_float(x) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL THEN NULL
       WHEN regexp_full_match(text, '(?i)\s*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)\s*') THEN CAST(trim(text) AS DOUBLE)
       ELSE CAST('bq: ' || 'Bad double value: ' || text AS DOUBLE) END)[1];
CREATE OR REPLACE MACRO bq_text_to_numeric(x) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL THEN NULL
       WHEN regexp_full_match(text, '(?i)\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?\s*') THEN CAST(trim(text) AS DECIMAL(38,9))
       ELSE CAST('bq: ' || 'Invalid NUMERIC value: ' || text AS DECIMAL(38,9)) END)[1];
CREATE OR REPLACE MACRO bq_text_to_bool(x) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL THEN NULL WHEN lower(text) = 'true' THEN TRUE WHEN lower(text) = 'false' THEN FALSE ELSE CAST('bq: ' || 'Bad bool value: ' || text AS BOOLEAN) END)[1];
CREATE OR REPLACE MACRO bq_text_to_date(x) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL THEN NULL WHEN regexp_full_match(text, '\s*\d{4}-\d{1,2}-\d{1,2}\s*') THEN CAST(trim(text) AS DATE)
       WHEN regexp_full_match(text, '\s*\d{4}-\d{1,2}-\d{1,2}[ Tt].*') THEN CAST(bq_text_to_datetime(text) AS DATE)
       ELSE CAST('bq: ' || 'Invalid date: ''' || text || '''' AS DATE) END)[1];
CREATE OR REPLACE MACRO bq_text_to_time(x) AS
  CASE WHEN x IS NULL THEN NULL WHEN regexp_full_match(x, '\s*\d{1,2}:\d{1,2}:\d{1,2}(\.\d{0,6})?\s*') THEN CAST(strptime('1970-01-01 ' || regexp_extract(x, '\d{1,2}:\d{1,2}:\d{1,2}'), '%Y-%m-%d %H:%M:%S') + to_microseconds(bq_text_micros(x)) AS TIME)
       ELSE CAST('bq: ' || 'Invalid time: ''' || x || '''' AS TIME) END;
CREATE OR REPLACE MACRO bq_text_to_timestamp_in(x, zone) AS
  list_transform([x], lambda text:
  CASE WHEN text IS NULL OR zone IS NULL THEN NULL
       WHEN NOT regexp_full_match(text, '\s*\d{4}-\d{1,2}-\d{1,2}([ Tt]\d{1,2}:\d{1,2}:\d{1,2}(\.\d{0,6})?)?( ?[zZ]| ?[+-]\d{1,2}(:?\d{2})?| [A-Za-z_]+(/[A-Za-z_]+)*)?\s*')
         THEN CAST('bq: ' || 'Invalid timestamp: ''' || text || '''' AS TIMESTAMPTZ)
       ELSE bq_from_local(CAST(replace(upper(regexp_extract(text, '\d{4}-\d{1,2}-\d{1,2}([ Tt]\d{1,2}:\d{1,2}:\d{1,2}(\.\d{0,6})?)?')), 'T', ' ') AS TIMESTAMP),
              coalesce(nullif(regexp_extract(trim(text), '\d{4}-\d{1,2}-\d{1,2}(?:[ Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{0,6})?)? ?(.*)$', 1), ''), zone)) END)[1];
CREATE OR REPLACE MACRO bq_strptime(x, format) AS
  CASE WHEN x IS NULL THEN NULL WHEN try_strptime(x, format) IS NULL THEN CAST('bq: ' || 'Failed to parse input string "' || x || '"' AS TIMESTAMP)
       ELSE try_strptime(x, format) END;
CREATE OR REPLACE MACRO bq_strptime_offset(x, format) AS
  CASE WHEN x IS NULL THEN NULL WHEN try_strptime(x, format) IS NULL THEN CAST('bq: ' || 'Failed to parse input string "' || x || '"' AS TIMESTAMPTZ)
       ELSE CAST(try_strptime(x, format) AS TIMESTAMPTZ) END;
CREATE OR REPLACE MACRO bq_text_to_timestamp(x) AS bq_text_to_timestamp_in(x, 'UTC');

-- Arrays ------------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO bq_element_strict(a, i) AS
  CASE WHEN i < 0 OR i >= len(a) THEN error('Array index ' || i || ' is out of bounds') ELSE list_extract(a, i + 1) END;
CREATE OR REPLACE MACRO bq_element_safe(a, i) AS CASE WHEN i >= 0 THEN list_extract(a, i + 1) END;
CREATE OR REPLACE MACRO bq_array_text(a, d) AS CASE WHEN a IS NULL OR d IS NULL THEN NULL ELSE coalesce(array_to_string(list_filter(a, lambda x: x IS NOT NULL), d), '') END;
CREATE OR REPLACE MACRO bq_array_text_with(a, d, n) AS CASE WHEN a IS NULL OR d IS NULL THEN NULL ELSE coalesce(array_to_string(list_transform(a, lambda x: coalesce(x, n)), d), '') END;
CREATE OR REPLACE MACRO bq_limited_series(a, b, step, steps) AS
  CASE WHEN steps >= bq_most() - 1 THEN error('Cannot generate arrays with more than 1048575 elements.')
       ELSE generate_series(a, CASE WHEN steps >= bq_most() - 1 THEN a ELSE b END, step) END;
CREATE OR REPLACE MACRO bq_series(a, b, step) AS
  CASE WHEN step = 0 THEN error('Sequence step cannot be 0.') ELSE bq_limited_series(a, b, step, (CAST(b AS HUGEINT) - a) // nullif(step, 0)) END;
-- DuckDB adds months to the last element, for example the end of February. BigQuery adds them to the first.
CREATE OR REPLACE MACRO bq_no_late_day(x) AS
  CASE WHEN day(x) > 28 THEN CAST('bq: ' || 'notImplemented GENERATE_DATE_ARRAY by months from a day after the 28th' AS DATE) ELSE x END;
CREATE OR REPLACE MACRO bq_time_series(a, b, step) AS bq_limited_series(a, b, step, (epoch_us(b) - epoch_us(a)) / nullif(1000000 * epoch(step), 0));
