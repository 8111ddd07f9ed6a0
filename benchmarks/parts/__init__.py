"""Parts of the benchmarks. `make bench` runs the modules in the folder above."""
