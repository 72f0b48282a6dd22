/// Reads a JSON configuration: every key that changes the result is asked for, and what nobody asked for is an error.
///
/// Null counts as absent. The reader remembers the keys that it was asked for, so that `refuseUnknown` needs no second
/// list of them.
public struct ConfigurationReader {
    /// The file that errors name.
    public let path: String
    private let values: [String: JSON]
    fileprivate let asked = AskedKeys()

    /// Reads a file that holds an object.
    /// - Throws: `FileError` where it is missing or malformed.
    public init(_ path: String, limit: Int = 1 << 20) throws {
        try self.init(path: path, JSON.read(path, limit: limit, allowsNonFinite: true))
    }

    /// An object that was read before; errors call it `path`.
    /// - Throws: `FileError.malformed` for another value.
    public init(path: String, _ json: JSON) throws {
        guard let object = json.object else {
            throw FileError.malformed(path: path, location: "", reason: "wanted a JSON object")
        }
        self.init(path: path, object)
    }

    /// An object that is part of a file.
    public init(path: String, _ object: [(key: String, value: JSON)]) {
        self.path = path
        values = Dictionary(object.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// An error about the value of a key.
    public func fault(_ key: String, _ reason: String) -> FileError {
        FileError.malformed(path: path, location: "\"\(key)\"", reason: reason)
    }

    /// The value of a key; null counts as absent.
    public func value(_ key: String) -> JSON? {
        asked.keys.insert(key)
        guard let found = values[key], found != .null else { return nil }
        return found
    }

    /// Whether a key is there and null: a default that was taken away.
    public func isNull(_ key: String) -> Bool {
        asked.keys.insert(key)
        return values[key] == .null
    }

    /// Refuses keys that nobody asked for, unless they are known to change nothing. Those that are false are let be: they
    /// are a newer version's options that are off; not so where the name is nearly that of an absent key which is true
    /// by default.
    /// - Parameters:
    ///   - ignored: keys that change nothing here.
    ///   - ignoresPrivate: let be what begins with an underscore: diffusers' notes about the file itself.
    /// - Returns: what a user should know of the keys that were let be, a sentence each.
    /// - Throws: `FileError.malformed` naming the key and the nearest known one.
    @discardableResult
    public func refuseUnknown(ignored: Set<String> = [], ignoresPrivate: Bool = false) throws -> [String] {
        let known = asked.keys
        var notes: [String] = []
        for key in values.keys.sorted() where !known.contains(key) && !ignored.contains(key) {
            guard let found = values[key], found != .null, !(ignoresPrivate && key.hasPrefix("_")) else { continue }
            let near = nearest(key, among: known.union(ignored).sorted()).map { "; did you mean \"\($0)\"?" } ?? ""
            let isMisspelt = nearest(key, among: asked.trueByDefault.filter { values[$0] == nil }.sorted()) != nil
            guard found == .boolean(false), !isMisspelt else {
                throw fault(key, "the key is not known, and may change the result\(near)")
            }
            notes.append("\(path): \"\(key)\" is not known; it is false, and is taken for an option that is off\(near)")
        }
        return notes
    }

    /// The keys that were asked for. A reader serves one configuration in one call, never two threads.
    fileprivate final class AskedKeys {
        var keys: Set<String> = []
        var trueByDefault: Set<String> = []
    }
}

extension ConfigurationReader {
    /// A whole number in a range.
    /// - Throws: `FileError.malformed` for another value, or where a key without a default is missing.
    public func integer(_ key: String, _ range: ClosedRange<Int>, default standard: Int? = nil) throws -> Int {
        guard let found = value(key) else {
            if let standard { return standard }
            throw fault(key, "the key is missing")
        }
        guard let number = found.integer, range.contains(number) else {
            throw fault(
                key, "wanted a whole number from \(range.lowerBound) to \(range.upperBound), got \(found.text())")
        }
        return number
    }

    /// A finite number.
    /// - Throws: `FileError.malformed` for another value.
    public func number(_ key: String, default standard: Double) throws -> Double {
        guard let found = value(key) else { return standard }
        guard let number = found.number, number.isFinite else {
            throw fault(key, "wanted a number, got \(found.text())")
        }
        return number
    }

    /// A number in a range, which may reach to infinity.
    /// - Throws: `FileError.malformed` for another value.
    public func number(_ key: String, _ range: ClosedRange<Double>, default standard: Double) throws -> Double {
        guard let found = value(key) else { return standard }
        guard let number = found.number, range.contains(number) else {
            throw fault(key, "wanted a number from \(range.lowerBound) to \(range.upperBound), got \(found.text())")
        }
        return number
    }

    /// True or false.
    /// - Throws: `FileError.malformed` for another value.
    public func boolean(_ key: String, default standard: Bool) throws -> Bool {
        if standard { asked.trueByDefault.insert(key) }
        guard let found = value(key) else { return standard }
        guard let flag = found.boolean else { throw fault(key, "wanted true or false, got \(found.text())") }
        return flag
    }

    /// A text.
    /// - Throws: `FileError.malformed` for another value.
    public func string(_ key: String, default standard: String) throws -> String {
        guard let found = value(key) else { return standard }
        guard let text = found.string else { throw fault(key, "wanted a string, got \(found.text())") }
        return text
    }

    /// One of some texts.
    /// - Throws: `FileError.malformed` that lists them, for another value.
    public func string(_ key: String, among known: [String], default standard: String) throws -> String {
        guard let found = value(key) else { return standard }
        guard let text = found.string, known.contains(text) else {
            let list = known.map { "\"\($0)\"" }.joined(separator: ", ")
            throw fault(key, "wanted \(known.count == 1 ? "" : "one of ")\(list), got \(found.text())")
        }
        return text
    }

    /// A case of an enumeration, by its raw value.
    /// - Throws: `FileError.malformed` that lists the cases, for another value.
    public func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default standard: Choice
    ) throws -> Choice where Choice.RawValue == String {
        let text = try string(key, among: Choice.allCases.map(\.rawValue), default: standard.rawValue)
        return Choice(rawValue: text) ?? standard
    }

    /// A list of finite numbers, or one number for all.
    /// - Throws: `FileError.malformed` for another value.
    public func numbers(_ key: String, count: Int, default standard: [Double]) throws -> [Double] {
        guard let found = value(key) else { return standard }
        if let number = found.number, number.isFinite { return [Double](repeating: number, count: count) }
        let list = found.array?.compactMap(\.number).filter(\.isFinite) ?? []
        guard list.count == count, list.count == found.array?.count else {
            throw fault(key, "wanted \(count) numbers, got \(found.text())")
        }
        return list
    }

    /// A list of at least one whole number in a range.
    /// - Throws: `FileError.malformed` for another value.
    public func integers(_ key: String, _ range: ClosedRange<Int>, default standard: [Int]) throws -> [Int] {
        guard let found = value(key) else { return standard }
        let list = found.array?.compactMap(\.integer).filter(range.contains) ?? []
        guard !list.isEmpty, list.count == found.array?.count else {
            throw fault(
                key, "wanted whole numbers from \(range.lowerBound) to \(range.upperBound), got \(found.text())")
        }
        return list
    }

    /// Refuses an option that is not implemented, where it is on.
    /// - Throws: `FileError.malformed` where it is, or is neither true nor false.
    public func refuse(_ key: String) throws {
        if try boolean(key, default: false) { throw fault(key, "the option is not supported") }
    }

    /// Refuses all values of a key but one; the key may be absent.
    /// - Throws: `FileError.malformed` for another value.
    public func require(_ key: String, _ wanted: JSON) throws {
        guard let found = value(key), found != wanted else { return }
        throw fault(key, "only \(wanted.text()) is supported, got \(found.text())")
    }

    /// Refuses a key of a part that is not implemented.
    /// - Throws: `FileError.malformed` where it has a value; false is none.
    public func requireAbsent(_ key: String) throws {
        guard let found = value(key), found != .boolean(false) else { return }
        throw fault(key, "not supported, got \(found.text())")
    }
}
