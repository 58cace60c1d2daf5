"""Cars from the side, of many kinds, at all times of day, in any weather: drawings of our own."""
