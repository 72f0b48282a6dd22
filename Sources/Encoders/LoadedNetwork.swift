import Engine

/// A network that was opened from files, as those see it who change its weights or plan its memory.
public struct LoadedNetwork {
    /// Its parameters, by the names of its layers.
    public let parameters: ParameterScope
    /// Its files, and what it runs on.
    public let model: ModelFiles

    /// A network and its files.
    public init(_ parameters: ParameterScope, _ model: ModelFiles) {
        self.parameters = parameters
        self.model = model
    }

    /// The most bytes of weights that a text encoder keeps in the form of the device while other networks work.
    static let keptBytes = 1 << 30

    /// Bytes of all weights in the dtype that it computes in.
    public var weightBytes: Int { parameters.parameters.reduce(0) { $0 + bytes($1) } }
    /// Whether a text encoder keeps its weights while other networks work.
    public var isKept: Bool { weightBytes <= Self.keptBytes }

    /// Bytes of weights that are held at most while it works, and behind that: where they are streamed, those of two blocks, as the
    /// buffers of the one before wait for the next, beside those of no block.
    public var heldBytes: (working: Int, resting: Int) {
        model.executor.isStreaming ? streamedBytes : (weightBytes, weightBytes)
    }

    /// `heldBytes` if weights were streamed.
    public var streamedBytes: (working: Int, resting: Int) {
        var (blocks, outside) = ([String: Int](), 0)
        for parameter in parameters.parameters {
            // A block is what has a number: `transformer_blocks.3.attn1.to_q.weight`.
            let words = parameter.name.split(separator: ".")
            if let number = words.firstIndex(where: { Int($0) != nil }), number > 0 {
                blocks[words[...number].joined(separator: "."), default: 0] += bytes(parameter)
            } else {
                outside += bytes(parameter)
            }
        }
        return (outside + blocks.values.sorted().suffix(2).reduce(0, +), outside)
    }

    private func bytes(_ parameter: Parameter) -> Int {
        parameter.shape.reduce(1, *) * model.executor.dtype.size
    }
}
