import Testing

@Suite struct ChexGenLuaPlaceholder {}
