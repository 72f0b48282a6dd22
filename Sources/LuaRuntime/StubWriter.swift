/// Writes LuaCATS annotation files, which give editors completion and types.
public enum StubWriter {
    /// The `---@meta` file of a module.
    public static func stubs(for module: LuaModuleDeclaration) -> String { "" }
}

/// Writes the reference manual.
public enum ManualWriter {
    /// One Markdown page for all modules.
    public static func manual(for modules: [LuaModuleDeclaration]) -> String { "" }
}
