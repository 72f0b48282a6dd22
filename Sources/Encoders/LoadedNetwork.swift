import Engine
import Tensors

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

    /// What its weights take, in the dtype that it computes in.
    public var sizes: WeightSizes {
        WeightSizes(parameters.parameters.map { ($0.name, $0.shape) }, dtype: model.executor.dtype)
    }
    /// Whether a text encoder keeps its weights while other networks work.
    public var isKept: Bool { sizes.isKept }
}

/// What the weights of a network take of memory, by the names and shapes of its parameters.
public struct WeightSizes: Sendable {
    /// Bytes of all weights.
    public let all: Int
    /// Where weights are streamed, bytes that are held at most while the network works, and behind that: those of two blocks, as the
    /// buffers of the one before wait for the next, beside those of no block.
    public let streamed: (working: Int, resting: Int)

    /// The most bytes of weights that a text encoder keeps in the form of the device while other networks work.
    static let keptBytes = 1 << 30

    /// Sums the parameters up.
    public init(_ parameters: [(name: String, shape: [Int])], dtype: DType) {
        var (blocks, outside) = ([String: Int](), 0)
        for (name, shape) in parameters {
            let bytes = shape.reduce(1, *) * dtype.size
            // A block is what has a number: `transformer_blocks.3.attn1.to_q.weight`.
            let words = name.split(separator: ".")
            if let number = words.firstIndex(where: { Int($0) != nil }), number > 0 {
                blocks[words[...number].joined(separator: "."), default: 0] += bytes
            } else {
                outside += bytes
            }
        }
        all = blocks.values.reduce(outside, +)
        streamed = (outside + blocks.values.sorted().suffix(2).reduce(0, +), outside)
    }

    /// Whether a text encoder keeps its weights while other networks work.
    public var isKept: Bool { all <= Self.keptBytes }

    /// Bytes that are held at most while the network works, and behind that.
    public func held(isStreamed: Bool) -> (working: Int, resting: Int) { isStreamed ? streamed : (all, all) }
}
