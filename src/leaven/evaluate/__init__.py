"""Suites: declarations of what is measured; they call nobody."""
