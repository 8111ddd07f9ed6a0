"""Google's own SQL analyser as a judge of the product's statements: what it refuses, BigQuery would refuse."""
