import Foundation

/// Values, each made once for its key, that threads share; of those that were not asked for lately, the oldest are
/// forgotten.
package final class RecentCache<Key: Hashable, Value> {
    private struct Entry {
        var value: Value
        var used: Int
    }
    private var entries: [Key: Entry] = [:]
    private var clock = 0
    private let capacity: Int
    private let lock = NSRecursiveLock()

    /// - Parameter capacity: the most values that are kept.
    package init(capacity: Int) { self.capacity = max(1, capacity) }

    /// The value for `key`; `make` runs once, while other threads wait. It may ask for other keys.
    package func value(_ key: Key, _ make: () throws -> Value) throws -> Value {
        lock.lock()
        defer { lock.unlock() }
        clock += 1
        if let index = entries.index(forKey: key) {
            entries.values[index].used = clock
            return entries.values[index].value
        }
        let made = try make()
        entries[key] = Entry(value: made, used: clock)
        if entries.count > capacity, let oldest = entries.min(by: { $0.value.used < $1.value.used }) {
            entries[oldest.key] = nil
        }
        return made
    }

    /// How many values there are.
    package var count: Int { lock.withLock { entries.count } }

    /// Forgets values.
    package func remove(where isGone: (Key) -> Bool = { _ in true }) {
        lock.withLock { entries = entries.filter { !isGone($0.key) } }
    }
}
