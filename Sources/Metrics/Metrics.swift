// The Metrics room.
