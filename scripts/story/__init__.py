"""What `make demo` shows, act by act."""
