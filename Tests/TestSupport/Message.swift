import Testing

/// The message of the error that `body` throws, as users read it; fails the test where it throws none.
public func message(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("no error was thrown", sourceLocation: sourceLocation)
        return ""
    } catch { return "\(error)" }
}

/// The message of the error that `body` may throw; empty where it throws none.
public func complaint(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return ""
}
