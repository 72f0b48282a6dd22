// The Runs room.
