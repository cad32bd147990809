"""A scoring run: chunks, checkpoint, aggregates, manifest, published outputs."""
