"""What the benchmarks are made of; `make bench` runs the modules beside this package."""
