// The Datasets room.
