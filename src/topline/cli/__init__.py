"""The command line: one file a verb, found by its name, loaded only when it is asked for."""
