"""Reports of a training: model card, plots, printed summary."""
