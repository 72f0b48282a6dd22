import Files
import Foundation

/// What `once` keeps: a value, and named bytes (as of tensors), which lie in files of their own.
public struct StoredValue {
    /// The value.
    public var value: JSON
    /// Bytes by name.
    public var blobs: [(name: String, bytes: Data)]

    /// A value with its blobs.
    public init(_ value: JSON, blobs: [(name: String, bytes: Data)] = []) {
        self.value = value
        self.blobs = blobs
    }
}

/// A stored value as the journal holds it: its blobs lie in `once/` under their hashes.
struct StoredEntry {
    let value: JSON
    let blobs: [(name: String, sha256: String, size: Int)]

    static func read(_ record: JSON) -> (key: String, entry: StoredEntry)? {
        guard case .string(let key)? = record["key"], let value = record["value"],
            case .array(let list)? = record["blobs"]
        else { return nil }
        var blobs: [(name: String, sha256: String, size: Int)] = []
        for blob in list {
            guard case .string(let name)? = blob["name"], case .string(let hash)? = blob["sha256"],
                case .integer(let size)? = blob["size"], size >= 0, hash.utf8.count == 64, !hash.contains("/")
            else { return nil }
            blobs.append((name, hash, size))
        }
        return (key, StoredEntry(value: value, blobs: blobs))
    }
}

extension RunFolder {
    /// What a cell stored under a key, in this process or before it was stopped; nil where there is nothing. Damaged
    /// files count as nothing, which is said in the log: the value is then computed again.
    public func stored(_ key: String, cell: Cell) -> StoredValue? {
        guard let entry = lock.withLock({ stored[cell.name]?[key] }) else { return nil }
        var blobs: [(name: String, bytes: Data)] = []
        var value = entry.value
        for blob in entry.blobs {
            let file = path + "/" + RunFolder.blobName(blob.sha256)
            guard let bytes = try? FileReader.data(file, limit: blob.size), SHA256.hex(of: bytes) == blob.sha256 else {
                log("\(file): this result of `\(key)` is damaged or gone; it is computed again")
                return nil
            }
            if blob.name == RunFolder.valueBlob {
                guard let decoded = try? ConfigCoding.decode(Array(bytes)) else { return nil }
                value = decoded
            } else {
                blobs.append((blob.name, bytes))
            }
        }
        return StoredValue(value, blobs: blobs)
    }

    /// Stores a value under a key of a cell; it is on the disk when this returns.
    /// - Throws: `FileError` where it cannot be written.
    public func store(_ stored: StoredValue, key: String, cell: Cell) throws {
        var blobs: [(name: String, sha256: String, size: Int)] = []
        var value = stored.value
        var files = stored.blobs
        let encoded = ConfigCoding.encode(value)
        // The journal is read whole by a resumed run, so that what is large lies beside it.
        if encoded.count > 1 << 20 {
            files.append((RunFolder.valueBlob, Data(encoded)))
            value = .null
        }
        if !files.isEmpty { try makeOwnFolder(Names.once) }
        for blob in files {
            let hash = SHA256.hex(of: blob.bytes)
            try AtomicFile.write(path + "/" + RunFolder.blobName(hash), blob.bytes)
            blobs.append((blob.name, hash, blob.bytes.count))
        }
        try lock.withLock {
            let list = blobs.map {
                JSON.object([
                    ("name", .string($0.name)), ("sha256", .string($0.sha256)), ("size", .integer($0.size)),
                ])
            }
            try journal.append(
                .object([
                    ("kind", .string("once")), ("cell", .string(cell.name)), ("key", .string(key)),
                    ("value", value), ("blobs", .array(list)),
                ]))
            self.stored[cell.name, default: [:]][key] = StoredEntry(value: value, blobs: blobs)
        }
    }

    /// The name under which a value that is too large for the journal lies among its blobs; no script's name has a NUL.
    private static let valueBlob = "\0value"

    private static func blobName(_ hash: String) -> String { "\(Names.once)/\(hash).bin" }
}
