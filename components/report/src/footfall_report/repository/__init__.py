"""What report reads: visitors' months, segments, the cursor's keys; and DuckDB, which counts."""
