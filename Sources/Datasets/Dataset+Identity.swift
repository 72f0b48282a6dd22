import Files

/// A file that a dataset was read from.
public struct DatasetSource: Equatable, Sendable {
    /// The path as it was opened, or the name of a table made in memory.
    public let path: String
    /// The hash of its content.
    public let sha256: String
}

extension Dataset {
    /// Every table that rows or columns lie in, with its hash, each once.
    /// - Throws: `FileError.unreadable` where a file changed since it was opened.
    public func sources() throws -> [DatasetSource] {
        var found: [DatasetSource] = []
        for table in parts.flatMap(\.tables) {
            let source = DatasetSource(path: table.name, sha256: try table.sha256())
            if !found.contains(source) { found.append(source) }
        }
        return found
    }

    /// A hash of the content: of the tables' bytes, the roles of their columns and the rows, in order. The same rows of the
    /// same files have the same hash on every machine, wherever the files lie and however the rows were chosen.
    /// - Throws: `FileError.unreadable` where a file changed since it was opened.
    public func fingerprint() throws -> String {
        var hash = SHA256()
        hash.update("chexgen dataset 1\n")
        for part in parts {
            hash.update("part\n")
            for reference in part.columns {
                hash.update("\(try reference.table.sha256()) \(reference.position)\n")
            }
            for (name, role) in [
                ("image", part.roles.image), ("prompt", part.roles.prompt), ("id", part.roles.id),
                ("patient", part.roles.patient),
            ] {
                if let role { hash.update("\(name) \(try role.table.sha256()) \(role.position)\n") }
            }
            hash.update("labels \(part.roles.labels?.names ?? [])\n")
        }
        rows.withUnsafeBytes { hash.update($0) }
        return hash.hex()
    }

    /// What a run writes down of a dataset: tables with their hashes, steps with the rows before and after each, the number
    /// of rows and the fingerprint.
    /// - Throws: `FileError.unreadable` where a file changed since it was opened.
    public func provenance() throws -> JSON {
        let steps = history.map { step -> JSON in
            .object([
                ("operation", .string(step.name)), ("detail", .string(step.detail)), ("before", .integer(step.before)),
                ("after", .integer(step.after)),
            ])
        }
        return .object([
            (
                "tables",
                .array(
                    try sources().map { .object([("path", .string($0.path)), ("sha256", .string($0.sha256))]) })
            ),
            ("steps", .array(steps)), ("rows", .integer(count)), ("fingerprint", .string(try fingerprint())),
        ])
    }
}
