import Engine

/// A network that was opened from a folder, as those see it who change its weights or plan its memory.
public struct LoadedNetwork {
    /// Its parameters, by the names of its layers.
    public let parameters: ParameterScope
    /// Its files, and what it runs on.
    public let folder: ModelFolder

    /// A network and its folder.
    public init(_ parameters: ParameterScope, _ folder: ModelFolder) {
        self.parameters = parameters
        self.folder = folder
    }
}
