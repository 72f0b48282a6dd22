import Checkpoints
import Files
import Foundation
import Tensors

/// A folder of encoded texts, a file each, so that a program that was stopped does not encode them again.
public struct ConditioningStore {
    private let folder: String
    /// What encodings depend on beside the text and its options.
    private let identity: String

    /// The encoded texts in a folder, which must be there.
    /// - Parameter identity: what encodings depend on beside the text and its options: other texts are not found.
    public init(_ folder: String, identity: String) {
        self.folder = folder
        self.identity = identity
    }

    private func name(_ key: String) -> String { SHA256.hex(of: identity + "\n" + key).prefix(32) + Self.ending }
    private static let ending = ".text.safetensors"

    /// The encoded text of a key; nil where it is not there, or damaged.
    func read(_ key: String) -> EncodedText? {
        let path = Paths.joined(folder, name(key))
        guard FileManager.default.fileExists(atPath: path), let file = try? Checkpoint.open(path) else { return nil }
        func part(_ name: String, _ dtype: DType, rank: Int) -> Tensor? {
            guard file.names.contains(name), let found = try? file[name].clone(), found.dtype == dtype,
                found.rank == rank, found.count > 0
            else { return nil }
            return found
        }
        guard let states = part("states", .f32, rank: 3), let lost = part("lost", .i64, rank: 1),
            let count = try? lost.array(Int64.self).first, let count = Int(exactly: count)
        else { return nil }
        let (mask, pooled) = (part("mask", .i64, rank: 2), part("pooled", .f32, rank: 2))
        guard (mask == nil) != file.names.contains("mask"), (pooled == nil) != file.names.contains("pooled") else {
            return nil
        }
        return EncodedText(Conditioning(states: states, mask: mask, pooled: pooled), lost: count)
    }

    /// Keeps the encoded text of a key.
    /// - Throws: `FileError` where it cannot be written.
    func write(_ key: String, _ text: EncodedText) throws {
        let parts = [
            ("states", text.conditioning.states), ("mask", text.conditioning.mask),
            ("pooled", text.conditioning.pooled),
        ]
        var tensors = try parts.compactMap { name, tensor in
            try tensor.map { (name: name, tensor: try $0.contiguous()) }
        }
        tensors.append((name: "lost", tensor: try Tensor([Int64(text.lost)], shape: [1])))
        try SafeTensors.write(Paths.joined(folder, name(key)), tensors)
    }

    /// Removes the encoded texts of all other keys.
    func keepOnly(_ keys: some Sequence<String>) {
        let names = Set(keys.map(name))
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for file in found where file.hasSuffix(Self.ending) && !names.contains(file) {
            unlink(Paths.joined(folder, file))
        }
    }
}
