"""What a person reads of a training: model card, plots, printed summary."""
