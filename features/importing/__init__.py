"""Import of a lender's own files, workbooks and databases into a data folder, by a mapping."""
