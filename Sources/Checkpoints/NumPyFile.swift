import CZlib
import Files
import Tensors

/// Arrays in NumPy's `.npy` and `.npz` files.
public enum NumPyFile {
    /// Reads a `.npy` file, versions 1 to 3, in C or Fortran order; the tensor is row-major and owns its memory.
    ///
    /// Elements of i8, i16, u16, u32 and u64 are widened to i32 or i64.
    /// - Throws: `FileError` where the file is damaged or of an unsupported type, `TensorError.outOfMemory`.
    public static func load(_ path: String) throws -> Tensor {
        let file = try MappedFile(path)
        if case .foreign(let reason) = FileFormat.sniff(file.bytes) {
            throw FileError.malformed(path: path, location: "", reason: reason)
        }
        let record = try NumPyHeader.record(file.bytes, file, path)
        return try named(path) { try owned(try record.tensor()) }
    }

    /// Writes a `.npy` file, version 1.0, in C order, whole or not at all. bf16, which NumPy lacks, becomes float32.
    /// - Throws: `FileError.unwritable`, `TensorError.outOfMemory`.
    public static func save(_ path: String, _ tensor: Tensor) throws {
        let (header, values) = try encoded(tensor)
        try AtomicFile.write(path) { writer in
            writer.expected = header.count + values.count * values.dtype.size
            try writer.write(header)
            try writer.write(elementsOf: values)
        }
    }

    /// Reads every array of a `.npz` file (stored or deflated), in the order of the file, each owning its memory.
    /// - Throws: as `load`.
    package static func loadArchive(_ path: String) throws -> [(name: String, tensor: Tensor)] {
        let file = try MappedFile(path)
        guard FileFormat.sniff(file.bytes) == .zip else {
            throw FileError.malformed(path: path, location: "", reason: "no .npz file: it is no zip file")
        }
        return try NumPyArchive.read(try ZipArchive(file)).map { name, record in
            (name, try named("\(path): \(name)") { try owned(try record.tensor()) })
        }
    }

    /// Writes a `.npz` file of stored (not compressed) arrays, whole or not at all.
    /// - Throws: `FileError.unwritable` also for names that are used twice or no file names, `TensorError.outOfMemory`.
    public static func saveArchive(_ path: String, _ tensors: [(name: String, tensor: Tensor)]) throws {
        try AtomicFile.write(path) { writer in
            var archive = ZipWriter(path: path)
            for (name, tensor) in tensors {
                let (header, values) = try encoded(tensor)
                try archive.add("\(name).npy", header, values, to: writer)
            }
            try archive.finish(writer)
        }
    }

    /// A tensor that does not depend on the file any more.
    private static func owned(_ tensor: Tensor) throws -> Tensor {
        tensor.storage.isBorrowed ? try tensor.clone() : try tensor.contiguous()
    }

    private static func named<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let fault as RecordFault {
            throw FileError.malformed(path: name, location: "", reason: fault.reason)
        }
    }

    private static func encoded(_ tensor: Tensor) throws -> ([UInt8], Tensor) {
        var values = try tensor.contiguous()
        if tensor.dtype == .bf16 {
            let widened = try Tensor(uninitialized: tensor.shape, .f32)
            try values.withElements(BFloat16.self) { source in
                try widened.withElements(Float.self) { target in
                    for index in 0..<source.count { target[index] = source[index].float }
                }
            }
            values = widened
        }
        return (NumPyHeader.bytes(values.dtype, values.shape), values)
    }
}

/// The arrays of a `.npz` file.
enum NumPyArchive {
    static func read(_ archive: ZipArchive) throws -> [(name: String, record: TensorRecord)] {
        var arrays: [(name: String, record: TensorRecord)] = []
        for entry in archive.entries where !entry.name.hasSuffix("/") {
            guard entry.name.hasSuffix(".npy") else {
                throw FileError.malformed(
                    path: archive.path, location: entry.name, reason: "no .npy file within a .npz file")
            }
            let content = try archive.content(entry)
            let record = try NumPyHeader.record(content.bytes, content.owner, "\(archive.path): \(entry.name)")
            arrays.append((String(entry.name.dropLast(4)), record))
        }
        return arrays
    }
}
