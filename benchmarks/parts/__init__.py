"""Parts of the benchmarks; `make bench` runs the modules of the folder above."""
