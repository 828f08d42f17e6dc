"""The ladder: one sentence with one blank, answered by ever larger models over one list of words.

N-grams, a masked model and a causal model cut a text differently; here each of them scores the same
whole words. Import the module you need.
"""
