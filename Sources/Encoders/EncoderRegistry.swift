import Devices
import Engine
import Files
import Tensors

/// The encoders by name, in the order of their columns in tables.
public struct EncoderRegistry: Sendable {
    /// The program's own encoders.
    public static let standard = EncoderRegistry([
        InceptionEncoder.entry, RadDINO.entry, PatientReID.entry, BioViLTImages.entry,
    ])

    private var registry: Registry<EncoderEntry>

    private init(_ entries: [EncoderEntry]) {
        registry = Registry("encoder", entries.map { (name: $0.name, entry: $0) })
    }

    /// The entries, in order.
    public var entries: [EncoderEntry] { registry.all }

    /// The names.
    public var names: [String] { registry.names }

    /// The entry of a name, if there is one.
    public subscript(name: String) -> EncoderEntry? { registry[name] }

    /// Adds an encoder behind the others.
    /// - Throws: `RegistryError.taken` where the name is taken, `TensorError.value` where the entry has no outputs or a role
    ///   without one of them.
    public mutating func add(_ entry: EncoderEntry) throws {
        func fault(_ message: String) -> TensorError {
            .value(operation: "encoder \"\(entry.name)\"", message: message)
        }
        guard !entry.outputs.isEmpty else { throw fault("it has no outputs") }
        for (role, part) in entry.roles {
            for output in [part.chexgenbench, part.exact] where !entry.outputs.contains(output) {
                throw fault("the role \(role.rawValue) names the output \"\(output)\", which it does not have")
            }
        }
        try registry.add(entry.name, entry)
    }

    /// The entry of a name.
    /// - Throws: `RegistryError.unknown` that lists the names, with the nearest.
    public func entry(_ name: String) throws -> EncoderEntry { try registry.entry(name) }

    /// Loads an encoder.
    /// - Parameters:
    ///   - name: one of `names`.
    ///   - weights: a file or folder, a Hub name found in the local Hugging Face cache, or a file name found in torch
    ///     hub's checkpoints; nil is the encoder's usual one.
    ///   - dtype: the compute dtype, f32 or bf16.
    ///   - device: what it runs on.
    /// - Throws: `RegistryError` for an unknown name, `TensorError` for another dtype, `CheckpointError.notFound` where the weights are
    ///   absent, and what loading them throws.
    public func make(
        _ name: String, weights: String? = nil, dtype: DType = .f32, on device: Device = .standard
    ) throws -> any Encoder {
        let entry = try entry(name)
        guard dtype == .f32 || dtype == .bf16 else {
            throw TensorError.dtype(operation: name, message: "an encoder computes in f32 or bf16, not \(dtype)")
        }
        return try entry.load(entry.locate(weights), Compute(dtype, on: device))
    }
}
