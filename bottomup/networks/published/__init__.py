"""Networks that others have published: one file a family, whose modules take the published weights by name."""
