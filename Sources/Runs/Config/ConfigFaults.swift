/// What is wrong with a config: one fault does not hide the others, which are told together.
struct ConfigFaults {
    private var found: [RunsError] = []

    /// The value that `read` reads; nil where it is at fault, which is kept, once.
    /// - Throws: what is no fault of the config.
    mutating func take<Value>(_ read: () throws -> Value) throws -> Value? {
        do {
            return try read()
        } catch let error as RunsError {
            add(error)
            return nil
        }
    }

    /// Keeps a fault, once.
    mutating func add(_ fault: RunsError) {
        let faults = if case .faults(let several) = fault { several } else { [fault] }
        for fault in faults where !found.contains(fault) { found.append(fault) }
    }

    /// - Throws: the fault, or `RunsError.faults` where there are several.
    func check() throws {
        if found.count > 1 { throw RunsError.faults(found) }
        if let only = found.first { throw only }
    }
}
