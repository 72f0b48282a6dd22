import Testing

@Suite struct LuaRuntimePlaceholder {}
