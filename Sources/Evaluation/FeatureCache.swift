import CSQLite
import Files
import Foundation
import Identity
import Runs

/// Features of images, kept between runs in SQLite, keyed by what they are a function of and by nothing else.
///
/// A cache never stops a run and never changes a number: each row carries a checksum that is verified when it is read, a
/// damaged row counts as absent, a damaged database is made anew, and where the disk is full or read-only the cache
/// only warns, once. Several processes may use it at once.
public final class FeatureCache: @unchecked Sendable {
    /// `CHEXGEN_CACHE`, else `chexgen` in `XDG_CACHE_HOME` or `~/.cache`.
    public static var defaultFolder: String {
        let environment = ProcessInfo.processInfo.environment
        if let folder = environment["CHEXGEN_CACHE"], !folder.isEmpty { return folder }
        if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return folder + "/chexgen" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.cache/chexgen"
    }

    /// The database's file.
    public let path: String
    private let folder: String
    private let warn: (String) -> Void
    private let lock = NSLock()
    private var database: Database?
    private var isOff = false
    private var identities: [FeatureIdentity: Int] = [:]
    /// Raised when the tables, the checksums or what an identity holds change; a cache of another version is made anew.
    private static let version = 2

    /// Opens the cache, or makes it.
    /// - Parameters:
    ///   - folder: where its database lies.
    ///   - warn: is given a sentence when the cache is damaged or cannot be used.
    public init(folder: String = FeatureCache.defaultFolder, warn: @escaping (String) -> Void) {
        self.folder = folder
        path = folder + "/features.sqlite"
        self.warn = warn
        do {
            try Folders.make(folder)
        } catch {
            isOff = true
            warn("the feature cache is not used: \(error)")
        }
    }

    /// Looks for vectors of images.
    /// - Parameters:
    ///   - images: SHA-256 of the images' bytes, in hexadecimal.
    ///   - found: is given the place in `images` and the bytes of each vector that the cache holds; they are valid during
    ///     the call.
    /// - Throws: what `found` throws first.
    public func get(
        _ images: [String], _ identity: FeatureIdentity, found: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // An error of the caller's is no fault of the cache.
        var failure: (any Error)?
        let start = CRC32C.of(Array(identity.text.utf8))
        lock.withLock {
            attempt { database in
                guard let id = try self.id(of: identity, in: database, adding: false) else { return }
                var damaged = 0
                try database.run("BEGIN")
                defer { try? database.run("COMMIT") }
                for (index, image) in images.enumerated() {
                    let sql = "SELECT vector, checksum FROM features WHERE identity = ? AND image = ?"
                    try database.run(sql, [.integer(id), .text(image)]) { row in
                        let bytes = row.blob(0)
                        let sum = FeatureCache.checksum(bytes, image: image, after: start)
                        guard row.integer(1) == Int(sum) else {
                            damaged += 1
                            return
                        }
                        do { if failure == nil { try found(index, bytes) } } catch { failure = error }
                    }
                }
                if damaged > 0 { warn("\(path): \(damaged) damaged rows; their features are computed again") }
            }
        }
        if let failure { throw failure }
    }

    /// Keeps vectors of images, all in one transaction.
    public func put(_ entries: [(image: String, vector: UnsafeRawBufferPointer)], _ identity: FeatureIdentity) {
        if entries.isEmpty { return }
        let start = CRC32C.of(Array(identity.text.utf8))
        lock.withLock {
            attempt { database in
                try database.transaction {
                    guard let id = try self.id(of: identity, in: database, adding: true) else { return }
                    for entry in entries {
                        let sum = FeatureCache.checksum(entry.vector, image: entry.image, after: start)
                        try database.run(
                            "INSERT OR REPLACE INTO features (identity, image, vector, checksum) VALUES (?, ?, ?, ?)",
                            [.integer(id), .text(entry.image), .blob(entry.vector), .integer(Int(sum))])
                    }
                }
            }
        }
    }

    /// Whether it keeps anything: false after a disk refused it.
    public var isUsable: Bool { lock.withLock { !isOff } }

    /// How many vectors the cache holds, and the bytes of its files.
    public var size: (vectors: Int, bytes: Int) {
        lock.withLock {
            var vectors = 0
            attempt { database in
                try database.run("SELECT count(*) FROM features") { vectors = $0.integer(0) }
            }
            let bytes = FeatureCache.files(path).reduce(0) { sum, file in
                var status = stat()
                return stat(file, &status) == 0 ? sum + Int(status.st_size) : sum
            }
            return (vectors, bytes)
        }
    }

    /// Empties the cache.
    /// - Throws: `RunsError.folder` where its files cannot be removed.
    public func clear() throws {
        try lock.withLock {
            close()
            isOff = false
            do {
                try remove()
            } catch {
                throw RunsError.folder(path: path, message: "the cache cannot be removed: \(error)")
            }
        }
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer, image: String, after start: UInt32) -> UInt32 {
        CRC32C.of(bytes, after: CRC32C.of(Array(image.utf8), after: start))
    }

    private static func files(_ path: String) -> [String] { [path, path + "-wal", path + "-shm"] }

    /// Runs `body`; a damaged database is made anew, and then `body` is run once more. What else fails turns the cache off.
    private func attempt(_ body: (Database) throws -> Void) {
        if isOff { return }
        for isSecond in [false, true] {
            do {
                return try body(try opened())
            } catch let failure as Database.Failure where failure.isDamage && !isSecond {
                close()
                warn("\(path): the feature cache is damaged (\(failure)); it is made anew")
                do {
                    try remove()
                } catch {
                    return turnOff(error)
                }
            } catch {
                return turnOff(error)
            }
        }
    }

    private func turnOff(_ error: Error) {
        isOff = true
        close()
        warn("\(path): the feature cache is not used any more in this run: \(error)")
    }

    private func close() {
        database?.close()
        database = nil
        identities = [:]
    }

    private func remove() throws {
        // Two processes that find the damage at once must not remove each other's new files.
        let folder = try FolderLock.wait(folder: folder)
        try withExtendedLifetime(folder) {
            for file in FeatureCache.files(path) where unlink(file) != 0 && errno != ENOENT {
                throw FileError.unwritable(path: file, reason: String(cString: strerror(errno)))
            }
        }
    }

    private func opened() throws -> Database {
        if let database { return database }
        let database = try Database(path)
        // A write-ahead log lets readers go on while one process writes; a file system without shared memory says no, and
        // the cache then works without.
        try database.run("PRAGMA journal_mode = WAL") { _ in }
        try database.run("PRAGMA synchronous = NORMAL")
        try database.run("PRAGMA trusted_schema = OFF")
        try database.run("PRAGMA cell_size_check = ON")
        var version = 0
        try database.run("PRAGMA user_version") { version = $0.integer(0) }
        if version != FeatureCache.version { try prepare(database) }
        self.database = database
        return database
    }

    private func prepare(_ database: Database) throws {
        try database.transaction {
            // Another process may have been quicker.
            var version = 0
            try database.run("SELECT user_version FROM pragma_user_version") { version = $0.integer(0) }
            if version == FeatureCache.version { return }
            if version != 0 { warn("\(path): the feature cache is of another version; it is made anew") }
            try database.run("DROP TABLE IF EXISTS features")
            try database.run("DROP TABLE IF EXISTS identities")
            try database.run("CREATE TABLE identities (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
            try database.run(
                """
                CREATE TABLE features (identity INTEGER NOT NULL, image TEXT NOT NULL, vector BLOB NOT NULL,
                checksum INTEGER NOT NULL, PRIMARY KEY (identity, image))
                """)
            try database.run("PRAGMA user_version = \(FeatureCache.version)")
        }
    }

    private func id(of identity: FeatureIdentity, in database: Database, adding: Bool) throws -> Int? {
        if let id = identities[identity] { return id }
        if adding { try database.run("INSERT OR IGNORE INTO identities (text) VALUES (?)", [.text(identity.text)]) }
        var id: Int?
        try database.run("SELECT id FROM identities WHERE text = ?", [.text(identity.text)]) { id = $0.integer(0) }
        // Within a transaction that may yet fail, an id is not known for good.
        if !adding { identities[identity] = id }
        return id
    }
}
