"""Jobs over many pictures: sources, the runner, results that survive whatever happens."""
