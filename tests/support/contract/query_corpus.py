"""Aggregates, windows, grouping, ordering and set operations over columns of every kind, one query per line."""

from __future__ import annotations

_ROW = "STRUCT(1.5 AS f, JSON '1' AS j, [1] AS xs, STRUCT(1 AS a) AS s, 1 AS i, 'a' AS t)"
QUERIES = tuple(
    line.replace("{rows}", f"FROM UNNEST([{_ROW}]) AS r").replace("{more}", f"UNNEST([{_ROW}]) AS r")
    for line in r"""
SELECT COUNT(DISTINCT s) {rows}
SELECT COUNT(DISTINCT xs) {rows}
SELECT COUNT(DISTINCT j) {rows}
SELECT ARRAY_AGG(DISTINCT xs) {rows}
SELECT ARRAY_AGG(DISTINCT s) {rows}
SELECT ARRAY_AGG(xs) {rows}
SELECT MIN(s) {rows}
SELECT MAX(xs) {rows}
SELECT MIN(j) {rows}
SELECT ANY_VALUE(xs) {rows}
SELECT STRING_AGG(DISTINCT t ORDER BY i) {rows}
SELECT STRING_AGG(DISTINCT t ORDER BY t) {rows}
SELECT COUNT(*) OVER (PARTITION BY f) {rows}
SELECT COUNT(*) OVER (PARTITION BY s) {rows}
SELECT COUNT(*) OVER (PARTITION BY xs) {rows}
SELECT COUNT(*) OVER (PARTITION BY j) {rows}
SELECT RANK() OVER (ORDER BY s) {rows}
SELECT RANK() OVER (ORDER BY xs) {rows}
SELECT RANK() OVER () {rows}
SELECT ROW_NUMBER() OVER () {rows}
SELECT LAG(i) OVER () {rows}
SELECT LAG(i, -1) OVER (ORDER BY i) {rows}
SELECT NTILE(0) OVER (ORDER BY i) {rows}
SELECT FIRST_VALUE(i) OVER () {rows}
SELECT SUM(DISTINCT i) OVER (ORDER BY i) {rows}
SELECT COUNT(DISTINCT i) OVER (PARTITION BY t) {rows}
SELECT STRING_AGG(t ORDER BY t) OVER () {rows}
SELECT ARRAY_AGG(i LIMIT 1) OVER () {rows}
SELECT SUM(SUM(i)) OVER () {rows}
SELECT SUM(COUNT(*)) {rows}
SELECT COUNT(i) + i {rows}
SELECT i {rows}
SELECT SUM(i), i {rows}
SELECT SUM(ROW_NUMBER() OVER ()) {rows}
SELECT ROW_NUMBER() OVER (ORDER BY COUNT(*)) {rows}
SELECT SUM(i) OVER (ORDER BY i ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) {rows}
SELECT SUM(i) OVER (ORDER BY t RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) {rows}
SELECT SUM(i) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) {rows}
SELECT SUM(i) OVER (ORDER BY i RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) {rows}
SELECT SUM(i) OVER (ORDER BY i GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) {rows}
SELECT RANK() OVER (ORDER BY i ROWS UNBOUNDED PRECEDING) {rows}
SELECT xs[0] {rows}
SELECT xs[1.5] {rows}
SELECT xs['a'] {rows}
SELECT s['a'] {rows}
SELECT j['a'] {rows}
SELECT j.a.b {rows}
SELECT s.* {rows}
SELECT r.* {rows}
SELECT * EXCEPT (i) {rows}
SELECT * EXCEPT (nope) {rows}
SELECT * REPLACE (1 AS i) {rows}
SELECT * REPLACE (1 AS nope) {rows}
SELECT i AS x, x + 1 {rows}
SELECT COUNTIF(i) {rows}
SELECT COUNT(*) AS n, n + 1 {rows}
SELECT DISTINCT s {rows}
SELECT DISTINCT xs {rows}
SELECT DISTINCT j {rows}
SELECT DISTINCT f {rows}
SELECT STRUCT(i, i) = (1, 1) {rows}
SELECT (SELECT i, t) {rows}
SELECT (SELECT AS STRUCT i, t) {rows}
SELECT ARRAY(SELECT xs) {rows}
SELECT ARRAY(SELECT AS STRUCT xs) {rows}
SELECT [xs] {rows}
SELECT [s, NULL] {rows}
SELECT ARRAY_CONCAT(xs, NULL) {rows}
SELECT xs || xs {rows}
SELECT t || i {rows}
SELECT CONCAT(t, i) {rows}
SELECT CAST(i AS BOOL) {rows}
SELECT CAST(f AS BOOL) {rows}
SELECT i IN (1, 'a') {rows}
SELECT i IN ('1') {rows}
SELECT t = DATE '2020-01-01' {rows}
SELECT IF(i, 1, 2) {rows}
SELECT CASE i WHEN 1 THEN 'a' ELSE 1 END {rows}
SELECT i {rows} GROUP BY i, s
SELECT 1 {rows} GROUP BY xs
SELECT 1 {rows} GROUP BY j
SELECT 1 {rows} GROUP BY f
SELECT s {rows} ORDER BY s
SELECT i {rows} GROUP BY t
SELECT i, COUNT(*) {rows}
SELECT t, SUM(i) {rows} GROUP BY 1
SELECT t, SUM(i) {rows} GROUP BY 2
SELECT t, SUM(i) {rows} GROUP BY 3
SELECT t AS x {rows} GROUP BY x ORDER BY i
SELECT i {rows} WHERE SUM(i) > 0
SELECT i {rows} WHERE ROW_NUMBER() OVER () = 1
SELECT i {rows} UNION ALL SELECT i, t {rows}
SELECT j {rows} UNION DISTINCT SELECT j {rows}
SELECT xs {rows} UNION DISTINCT SELECT xs {rows}
SELECT i {rows} INTERSECT ALL SELECT i {rows}
SELECT i {rows} UNION SELECT i {rows}
SELECT i {rows} EXCEPT SELECT i {rows}
SELECT i {rows} LIMIT 1.5
SELECT i {rows} LIMIT 'a'
SELECT i {rows} LIMIT 1 + 1
SELECT i {rows} OFFSET 1
SELECT i {rows} ORDER BY 2
SELECT i {rows} ORDER BY nope
SELECT i x, t x {rows} ORDER BY x
SELECT * FROM (SELECT 1, 2) WHERE f0_ = 1
SELECT f0_ FROM (SELECT 1)
SELECT 1 AS a FROM (SELECT 1 AS b) GROUP BY b HAVING a = 1
SELECT * {rows}, {more}
SELECT i {rows} QUALIFY ROW_NUMBER() OVER (ORDER BY i) = 1
SELECT i {rows} WHERE TRUE QUALIFY ROW_NUMBER() OVER (ORDER BY i) = 1
""".splitlines()
    if line
)
