"""The strategies that ship with seedbench: each one a strategy file, loaded as a user's own is."""
