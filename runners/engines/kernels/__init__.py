"""The operations of a stacked BERT as Triton kernels, for CUDA: those of ``runners.engines.plain``, name by name.

    dropout                   by element number
    attention_probabilities   softmax, mask of the tokens that are there, dropout
    add_norm                  bias, dropout, residual, LayerNorm
    bias_gelu                 bias, GELU
    to_heads, to_tokens       packed tokens to attention heads, with the bias, and back
    product                   the plain one
    gradient_norm, adam_step  one pass over all that Adam reads and writes, also where a table's gradient has few rows

One pass over memory each, where torch makes several; a mask has the bits that ``runners.engines.dropout`` gives it.
Sums run in one fixed order within a trial and its tokens (no atomics), so that they do not depend on the number of
trials. Matrix products are cuBLAS's, which chooses among its own by their number too.

Needs the package ``triton``, which comes with torch's builds for CUDA. On a CPU the kernels run in Triton's
interpreter, if ``TRITON_INTERPRET=1`` is set before this is imported: slow, and exact enough to test them.
"""

from runners.engines.kernels.adam import adam_step, gradient_norm
from runners.engines.kernels.attention import attention_probabilities
from runners.engines.kernels.dropout import dropout
from runners.engines.kernels.gelu import bias_gelu
from runners.engines.kernels.heads import to_heads, to_tokens
from runners.engines.kernels.norm import add_norm
from runners.engines.plain import product

__all__ = [
    "adam_step",
    "add_norm",
    "attention_probabilities",
    "bias_gelu",
    "dropout",
    "gradient_norm",
    "product",
    "to_heads",
    "to_tokens",
]
