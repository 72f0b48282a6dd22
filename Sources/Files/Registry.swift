/// What a program knows by name: networks, schedulers, metrics. Each entry stands in the file of what it describes; a
/// program that knows more adds to its copy of a registry.
public struct Registry<Entry> {
    /// What an entry is, as errors call it: "text encoder".
    public let kind: String
    /// The names, in the order in which they were added.
    public private(set) var names: [String] = []
    private var entries: [String: Entry] = [:]

    /// A registry with entries, in the order in which messages list them; of two with one name the first counts.
    public init(_ kind: String, _ entries: [(name: String, entry: Entry)] = []) {
        self.kind = kind
        for (name, entry) in entries where self.entries[name] == nil {
            self.entries[name] = entry
            names.append(name)
        }
    }

    /// Adds an entry behind the others.
    /// - Throws: `RegistryError.taken` where the name has one already: two of one name would change each other's numbers.
    public mutating func add(_ name: String, _ entry: Entry) throws {
        guard entries[name] == nil else { throw RegistryError.taken(kind: kind, name: name) }
        entries[name] = entry
        names.append(name)
    }

    /// Adds an entry behind the others, or in place of an older one of its name.
    /// - Parameter replaceable: whether it may take the place of an entry.
    /// - Throws: `RegistryError.taken` where it may not.
    public mutating func put(_ name: String, _ entry: Entry, replacing replaceable: (Entry) -> Bool) throws {
        guard let older = entries[name] else { return try add(name, entry) }
        guard replaceable(older) else { throw RegistryError.taken(kind: kind, name: name) }
        entries[name] = entry
    }

    /// The entries, in the order in which they were added.
    public var all: [Entry] { names.compactMap { entries[$0] } }

    /// The names with what each is, for people: "`a` (this), `b` (that)".
    public func listing(_ about: (Entry) -> String) -> String {
        zip(names, all).map { "`\($0)` (\(about($1)))" }.joined(separator: ", ")
    }

    /// The entry of a name, or nil.
    public subscript(name: String) -> Entry? { entries[name] }

    /// The entry of a name.
    /// - Throws: `RegistryError.unknown`, with the known names and the nearest of them.
    public func entry(_ name: String) throws -> Entry {
        if let found = self[name] { return found }
        throw unknown(name)
    }

    /// The error about a name that has no entry.
    /// - Parameter known: the names to list, where they are not the entries' own.
    public func unknown(_ name: String, known: [String]? = nil) -> RegistryError {
        .unknown(kind: kind, name: name, known: known ?? names)
    }
}

extension Registry: Sendable where Entry: Sendable {}

/// What can go wrong with a name of a registry.
public enum RegistryError: Error, Equatable, CustomStringConvertible {
    /// The name has no entry.
    case unknown(kind: String, name: String, known: [String])
    /// The name has an entry already.
    case taken(kind: String, name: String)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .unknown(let kind, let name, let known):
            let near = nearest(name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
            return "the \(kind) \"\(name)\" is not known; known are \(known.joined(separator: ", "))\(near)"
        case .taken(let kind, let name): return "\"\(name)\" is the name of another \(kind): choose a name that is free"
        }
    }
}
