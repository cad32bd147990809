"""Records: arrays of a bucket of firms as tables of the data contract."""
