"""Storage: all database input and output, one file per noun. Takes and returns terms; nothing here decides."""
