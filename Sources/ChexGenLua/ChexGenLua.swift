// The ChexGenLua room.
