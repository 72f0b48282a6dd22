/// Reads a model's JSON configuration: every key that changes the result is read, unknown ones are errors.
public struct ConfigurationReader {
    /// The file that errors name.
    public let path: String
    private let values: [String: JSON]

    /// Reads a file that holds an object.
    /// - Throws: `FileError` where it is missing or malformed.
    public init(_ path: String, limit: Int = 1 << 20) throws {
        self.path = path
        guard let object = try JSON.read(path, limit: limit, allowsNonFinite: true).object else {
            throw FileError.malformed(path: path, location: "", reason: "wanted a JSON object")
        }
        values = Dictionary(object.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
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
        guard let found = values[key], found != .null else { return nil }
        return found
    }

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
    /// - Throws: `FileError.malformed` for another value, or where a key without a default is missing.
    public func number(_ key: String, default standard: Double) throws -> Double {
        guard let found = value(key) else { return standard }
        guard let number = found.number, number.isFinite else {
            throw fault(key, "wanted a number, got \(found.text())")
        }
        return number
    }

    /// True or false.
    /// - Throws: `FileError.malformed` for another value, or where a key without a default is missing.
    public func boolean(_ key: String, default standard: Bool) throws -> Bool {
        guard let found = value(key) else { return standard }
        guard let flag = found.boolean else { throw fault(key, "wanted true or false, got \(found.text())") }
        return flag
    }

    /// A text.
    /// - Throws: `FileError.malformed` for another value, or where a key without a default is missing.
    public func string(_ key: String, default standard: String) throws -> String {
        guard let found = value(key) else { return standard }
        guard let text = found.string else { throw fault(key, "wanted a string, got \(found.text())") }
        return text
    }

    /// A list of finite numbers, or one number for all.
    /// - Throws: `FileError.malformed` for another value, or where a key without a default is missing.
    public func numbers(_ key: String, count: Int, default standard: [Double]) throws -> [Double] {
        guard let found = value(key) else { return standard }
        if let number = found.number, number.isFinite { return [Double](repeating: number, count: count) }
        let list = found.array?.compactMap(\.number).filter(\.isFinite) ?? []
        guard list.count == count, list.count == found.array?.count else {
            throw fault(key, "wanted \(count) numbers, got \(found.text())")
        }
        return list
    }

    /// Refuses keys that are neither read nor known to change nothing; nulls are let be.
    /// - Throws: `FileError.malformed` naming the key and the nearest known one.
    public func refuseUnknown(read: Set<String>, ignored: Set<String>) throws {
        for key in values.keys.sorted() where value(key) != nil && !read.contains(key) && !ignored.contains(key) {
            let near = nearest(key, among: Array(read)).map { "; did you mean \"\($0)\"?" } ?? ""
            throw fault(key, "the key is not known, and may change the result\(near)")
        }
    }
}
