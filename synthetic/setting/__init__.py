"""Calendar, places and weather: what all firms of a world share."""
