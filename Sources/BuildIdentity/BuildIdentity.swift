/// Which sources the program was built from.
public enum BuildIdentity {
    /// The SHA-256 that stands for `Package.swift` and every file below `Sources`. The plugin SourceIdentity makes it, anew
    /// whenever one of them changes.
    public static var sources: String { sourceHash }
}
