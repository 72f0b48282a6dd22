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
        let networks = named.compactMap { name, part in
            part.loaded.map {
                Network(name: name, role: part.role, sizes: $0.sizes, isStreamed: $0.model.executor.isStreaming)
            }
        }
        self.init(networks, dtype: dtype)
    }

    /// A network whose weights need not be read.
    struct Network {
        /// Its folder.
        let name: String
        /// What it does.
        let role: PipelinePart.Role
        /// What its weights take.
        let sizes: WeightSizes
        /// Whether they are let go behind each block.
        var isStreamed: Bool
    }

    /// The plan of some networks.
    init(_ networks: [Network], dtype: DType) {
        let networks = networks.sorted { ($0.role.rank, $0.name) < ($1.role.rank, $1.name) }
        func phases(_ held: (Network) -> (working: Int, resting: Int)) -> [Phase] {
            var (texts, kept, found) = (0, 0, [Phase]())
            for network in networks where network.role.rank == 0 {
                texts = max(texts, kept + held(network).working)
                if network.sizes.isKept { kept += held(network).resting }
            }
            if texts > 0 { found.append(Phase(name: "texts", bytes: texts)) }
            for network in networks where network.role.rank > 0 {
                found.append(Phase(name: network.role.phase, bytes: kept + held(network).working))
                kept += held(network).resting
            }
            return found
        }
        func held(_ network: Network) -> (working: Int, resting: Int) {
            network.sizes.held(isStreamed: network.isStreamed)
        }
        self.dtype = dtype
        isStreamed = networks.contains(where: \.isStreamed)
        parts = networks.map { Part(name: $0.name, weights: $0.sizes.all, held: held($0).working) }
        self.phases = phases(held)
        streamed = phases { $0.sizes.streamed }.map(\.bytes).max() ?? 0
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
        if let reason = refusal(available: available) {
            throw TensorError.value(operation: "pipeline", message: reason)
        }
    }

    /// Why it cannot fit, and the way out; nil where it fits.
    package func refusal(available: Int? = MemoryRoom.available) -> String? {
        guard let available, peak > available, let phase = phases.first(where: { $0.bytes == peak }) else { return nil }
        var ways: [String] = []
        if dtype == .f32 { ways.append("dtype = \"bf16\", which takes half") }
        if !isStreamed {
            ways.append("stream = true, which holds a block of a network at a time, \(Self.text(streamed))")
        }
        return
            "its weights take \(Self.text(peak)) at a time, in \(phase.name), and \(Self.text(available)) of memory are free; "
            + (ways.isEmpty ? "it needs a machine with more" : "give " + ways.joined(separator: ", or "))
    }
}
