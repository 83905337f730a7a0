"""Analyses: questions that one metric can't answer, as expressions over facts. The folder is the catalogue."""
