import Checkpoints
import Files
import Foundation
import Tensors

/// A folder of encoded texts, a file each: texts that many pictures, cells of a run and processes need are encoded once. A file
/// is written whole or not at all, and one whose values are not those that were written is taken for absent.
///
/// What takes too much of the disk is bounded: texts that are needed last, or by no picture of those to come, go first.
struct ConditioningStore {
    /// The most bytes that texts take of a disk: 2000 of Stable Diffusion 3.5 have 19 GB.
    static let mostBytes = 32 << 30

    private let folder: String
    /// What encodings depend on beside the text and its options.
    private let identity: String
    private let limit: Int
    /// The bytes of the files that are there, by name.
    private var sizes: [String: Int]
    private var taken: Int
    /// Of the texts to come, which is needed how early, by the names of their files.
    private let places: [String: Int]

    /// The encoded texts in a folder, which must be there.
    /// - Parameters:
    ///   - identity: what encodings depend on beside the text and its options: other texts are not found.
    ///   - needed: the keys of the texts to come, in the order in which pictures need them.
    ///   - limit: bytes that texts may take; nil is `mostBytes`, and no more than a quarter of what the disk has for them: the
    ///     pictures follow.
    init(_ folder: String, identity: String, needed: [String], limit: Int? = nil) {
        self.folder = folder
        self.identity = identity
        sizes = Self.files(in: folder)
        let taken = sizes.values.reduce(0, +)
        self.taken = taken
        let disk = Folders.freeBytes(at: folder).map { ($0 + taken) / 4 }
        self.limit = limit ?? min(Self.mostBytes, disk ?? .max)
        let names = needed.enumerated().map { (Self.name($1, identity), $0) }
        places = Dictionary(names, uniquingKeysWith: { first, _ in first })
    }

    private static let ending = ".text.safetensors"

    private static func name(_ key: String, _ identity: String) -> String {
        SHA256.hex(of: identity + "\n" + key).prefix(32) + ending
    }

    private func name(_ key: String) -> String { Self.name(key, identity) }
    private func path(_ name: String) -> String { Paths.joined(folder, name) }

    /// The files of texts in a folder, with their bytes.
    private static func files(in folder: String) -> [String: Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var sizes: [String: Int] = [:]
        for name in names where name.hasSuffix(ending) {
            var status = stat()
            if lstat(Paths.joined(folder, name), &status) == 0 { sizes[name] = Int(status.st_size) }
        }
        return sizes
    }

    /// Removes the encoded texts of a folder where they take more than some bytes.
    static func remove(in folder: String, above bytes: Int) {
        let sizes = files(in: folder)
        guard sizes.values.reduce(0, +) > bytes else { return }
        for name in sizes.keys { unlink(Paths.joined(folder, name)) }
    }

    /// Whether the text of a key is there, by its file's length and beginning; `read` looks at its values.
    func has(_ key: String) -> Bool {
        let name = name(key)
        return sizes[name] != nil && (try? Checkpoint.open(path(name)))?.metadata[Self.hashKey] != nil
    }

    /// The encoded text of a key; nil where it is not there, or damaged.
    func read(_ key: String) -> EncodedText? {
        let path = path(name(key))
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
        let text = EncodedText(Conditioning(states: states, mask: mask, pooled: pooled), lost: count)
        guard let tensors = try? Self.tensors(text), hash(key, tensors) == file.metadata[Self.hashKey] else {
            return nil
        }
        return text
    }

    /// Keeps the encoded text of a key.
    /// - Throws: `FileError` where it cannot be written.
    mutating func write(_ key: String, _ text: EncodedText) throws {
        let (name, tensors) = (name(key), try Self.tensors(text))
        try SafeTensors.write(path(name), tensors, metadata: [Self.hashKey: hash(key, tensors)])
        var status = stat()
        guard lstat(path(name), &status) == 0 else { return }
        taken += Int(status.st_size) - (sizes.updateValue(Int(status.st_size), forKey: name) ?? 0)
    }

    /// Whether the text of a key has room beside all others.
    func hasRoom(for key: String) -> Bool {
        // Texts are mostly of one length.
        taken - (sizes[name(key)] ?? 0) + (sizes.values.max() ?? 0) <= limit
    }

    /// Makes room for the text of a key: texts that are needed behind it go, those that are needed last first.
    /// - Returns: whether it has room now.
    mutating func makeRoom(for key: String) -> Bool {
        let place = places[name(key)] ?? .max
        while !hasRoom(for: key) {
            let last = sizes.keys.map { (place: places[$0] ?? .max, name: $0) }.max { $0 < $1 }
            guard let last, last.place > place else { return false }
            unlink(path(last.name))
            taken -= sizes.removeValue(forKey: last.name) ?? 0
        }
        return true
    }

    private static let hashKey = "sha256"

    private static func tensors(_ text: EncodedText) throws -> [(name: String, tensor: Tensor)] {
        let parts = [
            ("states", text.conditioning.states), ("mask", text.conditioning.mask),
            ("pooled", text.conditioning.pooled),
        ]
        return try parts.compactMap { name, tensor in
            try tensor.map { (name: name, tensor: try $0.contiguous()) }
        } + [(name: "lost", tensor: try Tensor([Int64(text.lost)], shape: [1]))]
    }

    /// A hash over the key and all values.
    private func hash(_ key: String, _ tensors: [(name: String, tensor: Tensor)]) -> String {
        var hash = SHA256()
        hash.update(identity + "\n" + key)
        for (name, tensor) in tensors {
            hash.update("\n\(name) \(tensor.dtype.rawValue) \(Tensor.text(tensor.shape))\n")
            withExtendedLifetime(tensor) {
                hash.update(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.count * tensor.dtype.size))
            }
        }
        return hash.hex()
    }
}
