import Files
import Tensors

/// The encoders by name, in the order of their columns in tables.
public struct EncoderRegistry: Sendable {
    /// The program's own encoders.
    public static let standard = EncoderRegistry(own: [InceptionEncoder.entry, RadDINO.entry])

    /// The entries, in order.
    public private(set) var entries: [EncoderEntry]

    private init(own entries: [EncoderEntry]) { self.entries = entries }

    /// The names.
    public var names: [String] { entries.map(\.name) }

    /// The entry of a name, if there is one.
    public subscript(name: String) -> EncoderEntry? { entries.first { $0.name == name } }

    /// Adds an encoder behind the others.
    /// - Throws: `TensorError.value` where the name is taken, or the entry has no outputs or a role without one of them.
    public mutating func add(_ entry: EncoderEntry) throws {
        func fault(_ message: String) -> TensorError {
            .value(operation: "encoder \"\(entry.name)\"", message: message)
        }
        guard self[entry.name] == nil else { throw fault("another one has this name") }
        guard !entry.outputs.isEmpty else { throw fault("it has no outputs") }
        for (role, part) in entry.roles {
            for output in [part.chexgenbench, part.exact] where !entry.outputs.contains(output) {
                throw fault("the role \(role.rawValue) names the output \"\(output)\", which it does not have")
            }
        }
        entries.append(entry)
    }

    /// The entry of a name.
    /// - Throws: `TensorError.value` that lists the names, with the nearest.
    public func entry(_ name: String) throws -> EncoderEntry {
        if let entry = self[name] { return entry }
        let near = nearest(name, among: names).map { "; did you mean \($0)?" } ?? ""
        throw TensorError.value(
            operation: "encoder", message: "no encoder \"\(name)\"; known: \(names.joined(separator: ", "))\(near)")
    }

    /// Loads an encoder.
    /// - Parameters:
    ///   - name: one of `names`.
    ///   - weights: a file or folder, a Hub name found in the local Hugging Face cache, or a file name found in torch
    ///     hub's checkpoints; nil is the encoder's usual one.
    ///   - dtype: the compute dtype, f32 or bf16.
    /// - Throws: `TensorError` for an unknown name or another dtype, `CheckpointError.notFound` where the weights are
    ///   absent, and what loading them throws.
    public func make(_ name: String, weights: String? = nil, dtype: DType = .f32) throws -> any Encoder {
        let entry = try entry(name)
        guard dtype == .f32 || dtype == .bf16 else {
            throw TensorError.dtype(operation: name, message: "an encoder computes in f32 or bf16, not \(dtype)")
        }
        return try entry.load(entry.locate(weights), dtype)
    }
}
