"""From text to numbers: normalisation, sub-word tokenizers, and token shards on disk."""
