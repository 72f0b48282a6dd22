// The LuaRuntime room.
