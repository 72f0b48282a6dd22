import Encoders
import Tensors

/// What a pipeline's weights take of memory, and when. Activations come beside them: their size is that of the pictures.
public struct MemoryPlan {
    /// A network of the pipeline.
    public struct Part: Equatable, Sendable {
        /// Its folder: `text_encoder`.
        public let name: String
        /// Bytes of its weights in the dtype of the pipeline.
        public let weights: Int
        /// Bytes that it holds of them at most.
        public let held: Int
    }

    /// A phase of a picture.
    public struct Phase: Equatable, Sendable {
        /// `texts`, `denoising` or `writing`, `decoding`.
        public let name: String
        /// Bytes of weights that are held at most.
        public let bytes: Int
    }

    /// The networks, as a picture goes through them.
    public let parts: [Part]
    /// The phases, in order.
    public let phases: [Phase]
    /// Whether weights are let go behind each block.
    public let isStreamed: Bool
    /// The dtype of the weights.
    public let dtype: DType
    /// What the largest phase would hold if weights were streamed.
    private let streamed: Int

    /// The plan of a pipeline's parts, those that came from folders.
    package init(_ named: [String: PipelinePart], dtype: DType) {
        var networks: [(name: String, rank: Int, network: LoadedNetwork)] = []
        for (name, part) in named {
            if let network = part.loaded { networks.append((name, part.rank, network)) }
        }
        networks.sort { ($0.rank, $0.name) < ($1.rank, $1.name) }
        let isWriting = named.values.contains { if case .language = $0 { return true } else { return false } }
        func phases(_ held: (LoadedNetwork) -> (working: Int, resting: Int)) -> [Phase] {
            var (texts, kept, found) = (0, 0, [Phase]())
            for (_, rank, network) in networks where rank == 0 {
                texts = max(texts, kept + held(network).working)
                if network.isKept { kept += held(network).resting }
            }
            if texts > 0 { found.append(Phase(name: "texts", bytes: texts)) }
            for (rank, name) in [(1, isWriting ? "writing" : "denoising"), (2, "decoding")] {
                for (_, _, network) in networks.filter({ $0.rank == rank }) {
                    found.append(Phase(name: name, bytes: kept + held(network).working))
                    kept += held(network).resting
                }
            }
            return found
        }
        self.dtype = dtype
        isStreamed = networks.contains { $0.network.model.executor.isStreaming }
        parts = networks.map {
            Part(name: $0.name, weights: $0.network.weightBytes, held: $0.network.heldBytes.working)
        }
        self.phases = phases { $0.heldBytes }
        streamed = phases { $0.streamedBytes }.map(\.bytes).max() ?? 0
    }

    /// Bytes of weights that are held at most.
    public var peak: Int { phases.map(\.bytes).max() ?? 0 }

    private static func text(_ bytes: Int) -> String {
        bytes >= 100_000_000 ? "\((Double(bytes) / 1e8).rounded() / 10) GB" : "\((bytes + 999_999) / 1_000_000) MB"
    }

    /// The plan in a line.
    public func text(available: Int? = MemoryRoom.available) -> String {
        "weights in \(dtype.rawValue): " + parts.map { "\($0.name) \(Self.text($0.weights))" }.joined(separator: ", ")
            + (isStreamed ? "; streamed, at most " : "; at most ") + "\(Self.text(peak)) at a time ("
            + phases.map { "\($0.name) \(Self.text($0.bytes))" }.joined(separator: ", ") + "), beside activations"
            + (available.map { "; \(Self.text($0)) are free" } ?? "")
    }

    /// Refuses what cannot fit.
    /// - Throws: `TensorError.value` that names the way out.
    package func check(available: Int? = MemoryRoom.available) throws {
        guard let available, peak > available, let phase = phases.first(where: { $0.bytes == peak }) else { return }
        var ways: [String] = []
        if dtype == .f32 { ways.append("dtype = \"bf16\", which takes half") }
        if !isStreamed {
            ways.append("stream = true, which holds a block of a network at a time, \(Self.text(streamed))")
        }
        throw TensorError.value(
            operation: "pipeline",
            message:
                "its weights take \(Self.text(peak)) at a time, in \(phase.name), and \(Self.text(available)) of memory are "
                + "free; " + (ways.isEmpty ? "it needs a machine with more" : "give " + ways.joined(separator: ", or "))
        )
    }
}
