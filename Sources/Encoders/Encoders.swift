// The Encoders room.
