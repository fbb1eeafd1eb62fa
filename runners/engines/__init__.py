"""Engines: what trains a trial. Both give the same trial within rounding, and no trial depends on its neighbours.

reference    a stock transformers classifier, one trial, top to bottom: to read, and to be measured against
stacked      all weight initialisations of one grid column at once
bert         the model as the stacked engine has it: K classifiers as one set of tensors
plain        what it is computed with on a CPU: operations in plain torch
kernels      the same operations as Triton kernels, for CUDA; on nobody's import but the stacked engine's, there
graphs       CUDA graphs of its steps and validations
adam         its optimizer
packing      its batches, without padding
dropout      masks that are a function of trial, step, site and element alone
floor        what its steps and validations take at least on a card
drawn        the weights that a trial draws, since its checkpoint does not bring them
"""
