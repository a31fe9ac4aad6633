"""Chart-type schemas and the one function that brings rows to them."""
