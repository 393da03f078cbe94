"""Pictures of what was found: people as skeletons, and the network's fields laid over the photo."""

from bottomup.drawing.fields import distinct_color, draw_heatmaps, draw_pafs, field_layer
from bottomup.drawing.limbs import readable_limbs
from bottomup.drawing.people import draw_people

__all__ = ["distinct_color", "draw_heatmaps", "draw_pafs", "draw_people", "field_layer", "readable_limbs"]
