"""What a trial is made of, before anything is trained.

reading     examples as they are read: of a GLUE task, or of any data set
dataset     a data set that is not GLUE's, and how it is read
frames      what reading gives, and what holds of all of it
tasks       what only the runners know of GLUE's tasks
glue        a task as token arrays: train, dev and test examples
held_out    which rows of a training file are the test set
recipe      everything of a trial that is not a seed
seeds       every random number, each from a stream with a name
"""
