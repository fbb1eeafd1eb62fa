"""Engines: what trains a trial. Both give the same trial within rounding, and no trial depends on its neighbours.

reference    a stock transformers classifier, one trial, top to bottom: to read, and to be measured against
stacked      all weight initialisations of one grid column at once
bert         the model as the stacked engine has it: K classifiers as one set of tensors
adam         its optimizer
packing      its batches, without padding
dropout      masks that are a function of trial, step, site and element alone
drawn        the weights that a trial draws, since its checkpoint does not bring them
"""
