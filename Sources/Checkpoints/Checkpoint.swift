import Files
import Foundation
import Tensors

/// The named tensors of a file or a folder of weights, mapped and read when they are asked for.
///
/// Read are safetensors (also in shards with an index), files of `torch.save` (zip and legacy) through an interpreter
/// that never executes anything, and `.npy` and `.npz`; the format is told by the content, not the name.
public final class Checkpoint {
    /// The file or folder that was opened.
    public let path: String
    /// The names of the tensors, in the order of the files.
    public let names: [String]
    /// The texts of a safetensors header's `__metadata__`, or numbers and texts beside a pickled state dict (`epoch`).
    public let metadata: [String: String]
    private let records: [String: TensorRecord]
    /// What tensors are called in the file, where they were given other names.
    private let origins: [String: String]
    private let sources: [Source]

    /// A file that was read: mapped, or a small text with its hash taken from what was read.
    enum Source {
        case mapped(MappedFile)
        case text(path: String, hash: String)

        var path: String {
            switch self {
            case .mapped(let file): return file.path
            case .text(let path, _): return path
            }
        }
    }

    init(
        path: String, tensors: [(name: String, record: TensorRecord)], metadata: [String: String], sources: [Source],
        origins: [String: String] = [:]
    ) throws {
        var records: [String: TensorRecord] = [:]
        records.reserveCapacity(tensors.count)
        for (name, record) in tensors where records.updateValue(record, forKey: name) != nil {
            throw FileError.malformed(path: path, location: "tensor \"\(name)\"", reason: "it is there twice")
        }
        self.path = path
        self.names = tensors.map { $0.name }
        self.metadata = metadata
        self.records = records
        self.origins = origins
        self.sources = sources
    }

    /// Opens a file, an index of shards (`*.index.json`), or a folder that holds one of the usual names.
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - variant: of a folder's files, the variant to take (`fp16`), which stands before the suffix.
    ///   - headerLimit: the largest safetensors header in bytes, at most 100,000,000.
    /// - Throws: `FileError` where a file is missing or damaged, `CheckpointError.refused` for a pickle that asks for more
    ///   than weights.
    public static func open(
        _ path: String, variant: String? = nil, headerLimit: Int = SafeTensors.defaultHeaderLimit
    ) throws -> Checkpoint {
        let file = try CheckpointFolder.weightFile(at: path, variant: variant)
        if file.hasSuffix(".json") {
            return try ShardIndex(file).open(as: path, headerLimit: headerLimit)
        }
        let mapped = try MappedFile(file)
        let content = try CheckpointContent.read(mapped, headerLimit: headerLimit)
        return try Checkpoint(
            path: path, tensors: content.tensors, metadata: content.metadata, sources: [.mapped(mapped)])
    }

    /// The tensor of a name in its original dtype (i8, i16 and u16 widened to i32, u32 and u64 to i64, 8-bit floats to
    /// f32): a view of the mapped file where alignment allows, which must not be written to.
    /// - Throws: `CheckpointError.noTensor`, `FileError` where the file changed, `TensorError.outOfMemory`.
    public subscript(name: String) -> Tensor {
        get throws {
            guard let record = records[name] else {
                throw CheckpointError.noTensor(path: path, name: name, nearest: nearest(name, among: names))
            }
            try checkUnchanged()
            try record.check?.verify()
            do { return try record.tensor() } catch let fault as RecordFault {
                throw self.fault(name, fault.reason)
            }
        }
    }

    /// An error about a tensor, under the name that it has in the file.
    public func fault(_ name: String, _ reason: String) -> FileError {
        .malformed(path: path, location: "tensor \"\(origins[name] ?? name)\"", reason: reason)
    }

    /// A tensor's name, with that in the file behind it where it is another.
    private func named(_ name: String) -> String {
        guard let origin = origins[name], origin != name else { return name }
        return "\(name) (\"\(origin)\" in the file)"
    }

    /// Whether there is a tensor of a name.
    public func contains(_ name: String) -> Bool { records[name] != nil }

    /// The shape of a tensor, without reading it; nil where there is none of that name.
    public func shape(of name: String) -> [Int]? { records[name]?.shape }

    /// The dtype that a tensor is read in; nil where there is none of that name or no dtype holds its values.
    public func dtype(of name: String) -> DType? { records[name]?.type.dtype }

    /// Every file that was read, in order.
    public var files: [String] { sources.map { $0.path } }

    /// The SHA-256 of every file that was read, in hexadecimal, of the very content that the tensors view.
    /// - Throws: `FileError` where a file changed since it was opened.
    public func sha256() throws -> [(file: String, sha256: String)] {
        try sources.map { source in
            switch source {
            case .mapped(let file): return (file.path, try file.sha256())
            case .text(let path, let hash): return (path, hash)
            }
        }
    }

    /// Checks that no file was cut or written to since it was opened; ask after the tensors were used.
    /// - Throws: `FileError.unreadable`.
    public func checkUnchanged() throws {
        for case .mapped(let file) in sources { try file.checkUnchanged() }
    }

    /// The same tensors under other names.
    /// - Parameter map: gives the new name, or nil to leave the tensor out.
    /// - Throws: `FileError.malformed` where two tensors get one name, and what `map` throws.
    public func renamed(_ map: (String) throws -> String?) throws -> Checkpoint {
        var tensors: [(name: String, record: TensorRecord)] = []
        var origins: [String: String] = [:]
        for name in names {
            guard let new = try map(name), let record = records[name] else { continue }
            tensors.append((new, record))
            origins[new] = self.origins[name] ?? name
        }
        return try Checkpoint(path: path, tensors: tensors, metadata: metadata, sources: sources, origins: origins)
    }

    /// The same tensors, some of them cut along their first dimension into equal parts, which lie where they lie.
    /// - Parameter map: gives the names of a tensor's parts in their order, or nil to leave it whole.
    /// - Throws: `FileError.malformed` where a tensor has no such parts, or two tensors get one name.
    public func split(_ map: (String) -> [String]?) throws -> Checkpoint {
        var tensors: [(name: String, record: TensorRecord)] = []
        var origins = origins
        for name in names {
            guard let record = records[name] else { continue }
            guard let parts = map(name), !parts.isEmpty else {
                tensors.append((name, record))
                continue
            }
            guard let rows = record.shape.first, rows % parts.count == 0 else {
                throw fault(
                    name, "wanted \(parts.count) equal parts one below the other, got \(Tensor.text(record.shape))")
            }
            for (index, part) in parts.enumerated() {
                origins[part] = self.origins[name] ?? name
                tensors.append((part, record.rows(rows / parts.count * index, rows / parts.count)))
            }
        }
        return try Checkpoint(path: path, tensors: tensors, metadata: metadata, sources: sources, origins: origins)
    }

    /// The same tensors without prefixes that the wanted names do not have: a tensor that is not wanted as it is called
    /// loses prefixes, one after the other, if that gives a wanted name.
    /// - Throws: `FileError.malformed` where two tensors get one name.
    public func strippingPrefixes(
        toFit wanted: some Sequence<String>, _ prefixes: [String] = ["module.", "model."]
    ) throws -> Checkpoint {
        let wanted = Set(wanted)
        return try renamed { name in
            if wanted.contains(name) { return name }
            var rest = Substring(name)
            while let prefix = prefixes.first(where: { !$0.isEmpty && rest.hasPrefix($0) }) {
                rest = rest.dropFirst(prefix.count)
                if wanted.contains(String(rest)) { return String(rest) }
            }
            return name
        }
    }

    /// The tensors for a model's parameters, in their order; the fit must be complete. The weights `[O, I, 1, 1]` of a 1 × 1
    /// convolution fit a linear layer's `[O, I]`, and the other way round, since files have both for one layer.
    /// - Parameters:
    ///   - expected: the names and shapes of the parameters.
    ///   - ignoring: says which tensors of the file may stay unused.
    /// - Throws: `CheckpointError.mismatch` where a parameter is not filled, a tensor is not used, a shape differs, or
    ///   nothing matches at all; `FileError` and `TensorError` as reading a tensor does.
    @discardableResult
    public func load(
        into expected: [(name: String, shape: [Int])], ignoring: (String) -> Bool = { _ in false }
    ) throws -> [Tensor] {
        try checkFit(of: expected, ignoring: ignoring)
        return try expected.map { name, shape in
            let tensor = try self[name]
            return tensor.shape == shape ? tensor : try tensor.reshaped(shape)
        }
    }

    /// Looks whether the tensors are those of a model's parameters, by names and shapes; no value is read.
    /// - Throws: as `load`, `CheckpointError.mismatch` alone.
    public func checkFit(
        of expected: [(name: String, shape: [Int])], ignoring: (String) -> Bool = { _ in false }
    ) throws {
        var missing: [String] = []
        var wrongShapes: [MismatchReport.WrongShape] = []
        var used = Set<String>()
        for (name, shape) in expected {
            guard let record = records[name], used.insert(name).inserted else {
                missing.append(name)
                continue
            }
            if !Self.fits(record.shape, shape) {
                wrongShapes.append(.init(name: named(name), wanted: shape, found: record.shape))
            }
        }
        let unused = names.filter { !used.contains($0) && !ignoring($0) }.map(named)
        let matched = used.count - wrongShapes.count
        guard missing.isEmpty, unused.isEmpty, wrongShapes.isEmpty, matched > 0 else {
            throw CheckpointError.mismatch(
                MismatchReport(
                    path: path, expected: expected.count, matched: matched, missing: missing, unused: unused,
                    wrongShapes: wrongShapes))
        }
    }

    private static func fits(_ found: [Int], _ wanted: [Int]) -> Bool {
        func matrix(_ shape: [Int]) -> [Int] {
            shape.count == 4 && shape.suffix(2) == [1, 1] ? Array(shape.prefix(2)) : shape
        }
        return found == wanted || matrix(found) == matrix(wanted)
    }
}
