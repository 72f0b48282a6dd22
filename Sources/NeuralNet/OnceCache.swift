import Foundation

/// Values, each made once for its key, that threads share.
public final class OnceCache<Key: Hashable, Value> {
    private var values: [Key: Value] = [:]
    private let lock = NSLock()

    /// An empty cache.
    public init() {}

    /// The value for `key`; `make` runs once, while other threads wait.
    public func value(_ key: Key, _ make: () throws -> Value) throws -> Value {
        lock.lock()
        defer { lock.unlock() }
        if let found = values[key] { return found }
        let made = try make()
        values[key] = made
        return made
    }

    /// Forgets the values of some keys.
    public func remove(where isGone: (Key) -> Bool) {
        lock.lock()
        defer { lock.unlock() }
        values = values.filter { !isGone($0.key) }
    }
}
