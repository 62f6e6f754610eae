"""Facts: immutable Parquet files, the manifest that says which are current, and the queries over them."""
