"""The commands of `bottomup`, one file each; `bottomup.cli` registers them. Heavy imports wait inside them."""
