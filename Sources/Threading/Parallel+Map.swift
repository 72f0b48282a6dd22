extension Parallel {
    /// What `body` gives or throws for every index of `0 ..< count`, worked out in parallel in units that are handed out
    /// one at a time, in the order of the indexes.
    public static func map<Value>(_ count: Int, _ body: (Int) throws -> Value) -> [Result<Value, any Error>] {
        if count <= 0 { return [] }
        return [Result<Value, any Error>](unsafeUninitializedCapacity: count) { buffer, filled in
            // Every index writes its own element, once, so no lock is needed.
            nonisolated(unsafe) let results = buffer
            forEach(count) { index in
                (results.baseAddress.map { $0 + index })?.initialize(to: Result { try body(index) })
            }
            filled = count
        }
    }
}
