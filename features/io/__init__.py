"""Reading and writing: CSV files, data frames, data folders, remote storage, imports."""
