"""MLflow: session, registry, runs, and the model folder that is logged."""
