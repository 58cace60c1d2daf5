"""Churches in small scenes, drawn by code alone: of every style, in all weathers and seasons, by day and by night."""
