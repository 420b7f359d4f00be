"""What `make run`, `make demo` and `make bench` have in common."""
