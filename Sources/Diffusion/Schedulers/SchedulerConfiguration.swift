import Files
import Tensors

/// The options of a model's scheduler, from diffusers' `scheduler_config.json`, and the schedulers that can be made of
/// them: the model's own, or another one that takes what it knows of them (diffusers' `from_config`).
///
/// A key that is absent has the default of the scheduler's class. Keys of other schedulers change nothing, as in
/// diffusers; keys that no scheduler knows are errors unless they are off, and so are values that are not implemented.
public struct SchedulerConfiguration {
    /// The class of the model's own scheduler.
    public let className: String
    /// What a user should know of keys that were let be.
    public let notes: [String]
    /// The options as the file has them.
    public let options: JSON
    private let name: String
    private let known: SchedulerRegistry
    /// Options that a pipeline alters, by key.
    private var changes: [String: JSON] = [:]
    /// Why the model's own scheduler cannot be made of the options; another one may take them.
    private let ownFault: (any Error)?

    /// Reads `scheduler_config.json`.
    /// - Throws: `FileError` for a missing file, a wrong value that every scheduler reads, an unknown key or an unknown
    ///   class.
    public init(path: String, _ known: SchedulerRegistry = .standard) throws {
        try self.init(JSON.read(path, limit: 1 << 24, allowsNonFinite: true), name: path, known)
    }

    /// Reads the options from JSON; see the other initialiser. Errors call it `name`.
    ///
    /// The class may be one that this program lacks, and its own options may be ones that are not implemented: then
    /// only `make` with another scheduler's name gives one.
    /// - Parameter known: the schedulers that can be made.
    public init(_ json: JSON, name: String, _ known: SchedulerRegistry = .standard) throws {
        let reader = try ConfigurationReader(path: name, json)
        guard let found = reader.value("_class_name") else { throw reader.fault("_class_name", "the key is missing") }
        guard let className = found.string else {
            throw reader.fault("_class_name", "wanted a string, got \(found.text())")
        }
        self.className = className
        options = json
        self.name = name
        self.known = known
        let entry = known.entries[className]
        guard entry != nil || SchedulerRegistry.relatives.contains(className) else {
            throw reader.fault("_class_name", known.entries.unknown(className).description)
        }
        _ = try NoiseOptions(reader, owner: className)
        do {
            _ = try entry?.make(reader, 0)
            ownFault = nil
        } catch {
            ownFault = error
        }
        notes = try reader.refuseUnknown(ignored: SchedulerRegistry.options, ignoresPrivate: true)
    }

    /// The options with changes that a pipeline makes to those of its own scheduler.
    ///
    /// Another scheduler takes a change over only where the file has the key: a value that the own class had by default
    /// does not count for others, in diffusers, even after a pipeline altered it.
    public func changing(_ values: [String: JSON]) -> SchedulerConfiguration {
        var result = self
        result.changes.merge(values) { _, new in new }
        return result
    }

    /// A scheduler with these options.
    /// - Parameters:
    ///   - other: the class name or script's name of another scheduler than the model's own.
    ///   - eta: DDIM's weight of fresh noise, 0 to 1.
    /// - Throws: `RegistryError.unknown` for an unknown name; `FileError` for an own scheduler that is not implemented,
    ///   or options that the scheduler cannot take; `TensorError.value` for an eta that is out of range, or not 0 for a
    ///   scheduler that has none.
    public func make(_ other: String? = nil, eta: Double = 0) throws -> any Scheduler {
        let entry = try entry(other)
        guard eta >= 0, eta <= 1 else {
            throw TensorError.value(operation: entry.className, message: "wanted an eta from 0 to 1, got \(eta)")
        }
        guard eta == 0 || entry.takesEta else {
            throw TensorError.value(
                operation: entry.className, message: "eta is an option of DDIMScheduler only, got \(eta)")
        }
        let isOwn = entry.className == className
        let altered = changes.filter { isOwn || options[$0.key] != nil }
        let members = (options.object ?? []).filter { altered[$0.key] == nil } + altered.map { ($0.key, $0.value) }
        return try entry.make(ConfigurationReader(path: name, members), eta)
    }

    /// The entry of another scheduler, or of the model's own.
    /// - Throws: see `make`.
    public func entry(_ other: String? = nil) throws -> SchedulerEntry {
        if let other { return try known.entry(named: other) }
        if let ownFault { throw ownFault }
        if let own = known.entries[className] { return own }
        let names = known.entries.all.map(\.shortName).joined(separator: ", ")
        throw FileError.malformed(
            path: name, location: "\"_class_name\"",
            reason: "the model's own scheduler, \(className), is not implemented; name another one, which takes its "
                + "options: scheduler = one of \(names)")
    }
}
