"""What a trial is made of, before anything is trained.

glue        tasks as token arrays: train, dev and test examples
held_out    which rows of a training file are the test set
recipe      everything of a trial that is not a seed
seeds       every random number, each from a stream with a name
"""
