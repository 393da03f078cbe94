"""Networks: what turns a picture into fields."""
