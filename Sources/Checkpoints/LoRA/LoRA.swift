import Files
import Foundation
import Tensors

/// A file of LoRA (Hu et al., 2022): for layers of a model two small matrices each, whose product is added to the layer's
/// weights, W + scale · α / r · B A.
///
/// Read are the names of diffusers, peft, kohya and ai-toolkit. Loading is strict: of every layer both matrices are there, of one
/// rank and finite, and a tensor of another kind is an error.
public final class LoRA {
    /// The file or folder that was opened.
    public let path: String
    /// The files that it came from, with their SHA-256.
    public let files: [(file: String, sha256: String)]
    /// What is changed, in the order of the file.
    let layers: [Layer]
    /// Where the matrices are.
    let checkpoint: Checkpoint

    /// Two matrices, and the layer that they are for.
    struct Layer {
        let place: LoRAPlace
        /// The names of A `[r, inputs]`, or `[r, inputs, height, width]`, and B `[outputs, r]`.
        let down, up: String
        let downShape, upShape: [Int]
        /// α / r.
        let factor: Double
    }

    /// What to do with an adapter of another kind.
    static let wayOut = "merge it into the weights with the library that it was trained with, and give those"

    /// Opens a file, or a folder with one: peft's with its `adapter_config.json`, or diffusers'.
    /// - Throws: `FileError` where a file is missing or damaged, or a tensor is not a LoRA's; `CheckpointError.refused`.
    public init(_ path: String) throws {
        let file = try Self.weights(at: path)
        let config = Self.config(of: file)
        checkpoint = try Checkpoint.open(file)
        self.path = path
        files = try checkpoint.sha256() + SHA256.files(config.map { [$0] } ?? [])
        layers = try Self.layers(
            checkpoint, LoRASettings.all(config: config, header: checkpoint.metadata, path: checkpoint.path))
        try checkpoint.checkUnchanged()
    }

    /// The usual names of a folder's file: peft's and diffusers'.
    private static let usualNames = [
        "adapter_model.safetensors", "pytorch_lora_weights.safetensors", "adapter_model.bin",
        "pytorch_lora_weights.bin",
    ]

    private static func weights(at path: String) throws -> String {
        let present = usualNames.map { "\(path)/\($0)" }.filter(FileManager.default.fileExists(atPath:))
        if present.count > 1, Paths.ending(present[0]) == Paths.ending(present[1]) {
            throw FileError.unreadable(
                path: path,
                reason: "2 files may be meant, name one: "
                    + present.map { String($0.dropFirst(path.count + 1)) }.joined(separator: ", "))
        }
        return try present.first ?? CheckpointFolder.weightFile(at: path, variant: nil)
    }

    /// The configuration that belongs to a file of peft's name.
    private static func config(of file: String) -> String? {
        guard Paths.name(file).hasPrefix("adapter_model.") else { return nil }
        let config = Paths.joined(Paths.folder(file), "adapter_config.json")
        return FileManager.default.fileExists(atPath: config) ? config : nil
    }

    private static func layers(_ checkpoint: Checkpoint, _ settings: [String: LoRASettings]) throws -> [Layer] {
        var order: [String] = []
        var parts: [String: [LoRAKey.Role: String]] = [:]
        for name in checkpoint.names {
            guard let key = LoRAKey(name) else { throw foreign(name, in: checkpoint) }
            if parts[key.layer] == nil { order.append(key.layer) }
            if let other = parts[key.layer, default: [:]].updateValue(name, forKey: key.role) {
                throw fault(checkpoint, name, "it is there twice: \"\(other)\" is the same")
            }
        }
        guard !order.isEmpty else {
            throw FileError.malformed(path: checkpoint.path, location: "", reason: "it is empty")
        }
        return try order.map { name in
            let (place, keys) = (LoRAPlace(name), parts[name] ?? [:])
            guard let down = keys[.down], let up = keys[.up] else {
                let only = keys[.down] ?? keys[.up] ?? keys[.alpha] ?? name
                let lacks = keys[.down] == nil ? (keys[.up] == nil ? "matrices" : "A (down)") : "B (up)"
                throw fault(
                    checkpoint, only, "the \(lacks) of this layer \(lacks == "matrices" ? "are" : "is") missing")
            }
            let (downShape, upShape) = (checkpoint.shape(of: down) ?? [], checkpoint.shape(of: up) ?? [])
            let rank = try rank(checkpoint, (down, downShape), (up, upShape))
            let alpha = try keys[.alpha].map { try Self.alpha(checkpoint, $0) }
            let own = settings[place.prefix] ?? settings[""] ?? LoRASettings()
            let factor = own.factor(place.module, rank: rank, own: alpha)
            let (a, b) = (try largest(checkpoint, down), try largest(checkpoint, up))
            guard factor.isFinite, Double(a) * Double(b) * Double(rank) * factor < 1e20 else {
                throw fault(
                    checkpoint, down, "the values of this layer are too large: up to \(a) and, in \"\(up)\", \(b)")
            }
            return Layer(place: place, down: down, up: up, downShape: downShape, upShape: upShape, factor: factor)
        }
    }

    /// The rank of two matrices, from their shapes.
    private static func rank(
        _ checkpoint: Checkpoint, _ down: (name: String, shape: [Int]), _ up: (name: String, shape: [Int])
    ) throws -> Int {
        for (name, shape) in [down, up] {
            guard shape.count == 2 || shape.count == 4 else {
                throw fault(checkpoint, name, "wanted a matrix or a convolution's kernels, got \(Tensor.text(shape))")
            }
            guard !shape.contains(0) else {
                throw fault(checkpoint, name, "it is empty: \(Tensor.text(shape))")
            }
        }
        guard up.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
            throw fault(checkpoint, up.name, "wanted kernels of one pixel, got \(Tensor.text(up.shape))")
        }
        let rank = down.shape[0]
        guard up.shape[1] == rank else {
            throw fault(
                checkpoint, up.name,
                "its rank is \(up.shape[1]) in \(Tensor.text(up.shape)), and \(rank) in \"\(down.name)\" "
                    + Tensor.text(down.shape))
        }
        // Of several layers that one product is for, each may have a rank of its own.
        let (size, isTooLarge) = down.shape.dropFirst().reduce(1, *).addingReportingOverflow(up.shape[0])
        guard !isTooLarge, rank <= size else {
            throw fault(checkpoint, down.name, "a rank of \(rank) is more than its layer has rows and columns")
        }
        return rank
    }

    private static func alpha(_ checkpoint: Checkpoint, _ name: String) throws -> Double {
        guard checkpoint.shape(of: name)?.reduce(1, *) == 1, checkpoint.dtype(of: name) != .bool else {
            throw fault(checkpoint, name, "wanted one number, got \(Tensor.text(checkpoint.shape(of: name) ?? []))")
        }
        let alpha = try checkpoint[name].to(.f64).array(Double.self)[0]
        guard alpha.isFinite, alpha > 0 else { throw fault(checkpoint, name, "wanted a number above 0, got \(alpha)") }
        return alpha
    }

    /// The largest magnitude of a tensor's values.
    /// - Throws: `FileError` for integers and where a value is not finite.
    private static func largest(_ checkpoint: Checkpoint, _ name: String) throws -> Float {
        guard checkpoint.dtype(of: name)?.isFloating == true else {
            throw fault(checkpoint, name, "wanted floating values")
        }
        let tensor = try checkpoint[name]
        defer { tensor.dropPages() }
        // Magnitudes of floats are ordered as their bits are.
        let bits = try tensor.to(.f32).contiguous().withElements(Float.self) { values in
            values.reduce(UInt32(0)) { max($0, $1.bitPattern & 0x7FFF_FFFF) }
        }
        guard Float(bitPattern: bits).isFinite else { throw fault(checkpoint, name, "a value is not finite") }
        return Float(bitPattern: bits)
    }

    /// An error about a tensor.
    static func fault(_ checkpoint: Checkpoint, _ name: String, _ reason: String) -> FileError {
        .malformed(path: checkpoint.path, location: "tensor \"\(name)\"", reason: reason)
    }

    private static func foreign(_ name: String, in checkpoint: Checkpoint) -> FileError {
        if let kind = LoRAKey.foreignKind(name) {
            return fault(checkpoint, name, "\(kind) is not supported; \(wayOut)")
        }
        let isLoRA = checkpoint.names.contains { LoRAKey($0) != nil }
        return fault(
            checkpoint, name,
            isLoRA
                ? "it is no part of a LoRA: lora_A and lora_B, lora_down and lora_up, or alpha"
                : "the file is no LoRA: it has no tensor such as X.lora_A.weight or X.lora_down.weight")
    }
}
