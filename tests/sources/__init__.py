"""Tests of the sources, with small documents of their own."""
