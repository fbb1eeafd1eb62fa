"""Runs a strategy on trials that are trained while it decides: ``python -m runners.live --help``.

__main__        the command, and the campaign
campaign_file   which campaign a folder's trials are of
trials          trials that are trained a bit at a time; a few in memory, the others paused on disk
report          what was started, stopped, spent, saved and kept
folder          the kept checkpoint as a transformers folder
"""
