"""The commands of ``boxwright hub``: a module each, with `configure` and `run` as the verbs have."""
