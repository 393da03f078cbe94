"""Picture files: recognised by content, rid of metadata, decoded to BGR."""
