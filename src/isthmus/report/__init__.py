"""Showing what a run has learned."""
