import Files

/// `run.json`: what differs between equal runs, such as times, memory, the machine and how the command ended; one attempt for
/// each process that worked on the run.
struct RunReport {
    private var attempts: [JSON]
    private var current: [(key: String, value: JSON)]
    private let start = MonotonicClock.now

    /// The attempts of a report on disk.
    /// - Throws: `FileError` where it cannot be read.
    static func attempts(_ path: String) throws -> [JSON] {
        try JSON.read(path, limit: 16 << 20)["attempts"]?.array ?? []
    }

    /// Begins an attempt; those in an existing report are kept where it can be read.
    init(command: [String], plan: RunPlan, before path: String? = nil) {
        attempts = path.flatMap { try? Self.attempts($0) } ?? []
        // An attempt whose process was killed still says that it runs.
        attempts = attempts.map { attempt in
            guard case .object(let members) = attempt, attempt["exit"] == .null else { return attempt }
            return .object(members.map { ($0.key, $0.key == "exit" ? .string("killed") : $0.value) })
        }
        current = [
            ("command", .array(command.map { .string($0) })),
            ("chexgen", .string(plan.program.version)),
            ("started", .string(WallClock.iso)),
            (
                "machine",
                .object([
                    ("system", .string(Machine.system)), ("processor", .string(Machine.cpuName)),
                    ("threads", .integer(plan.threads)),
                ])
            ),
            ("exit", .null),
        ]
    }

    /// Ends the attempt.
    mutating func finish(exit: ExitStatus, states: [CellState]) {
        current.removeAll { $0.key == "exit" }
        var counts: [(key: String, value: JSON)] = []
        for word in ["done", "failed", "interrupted", "pending"] {
            let count = states.filter { $0.word == word }.count
            if count > 0 { counts.append((word, .integer(count))) }
        }
        var failures: [JSON] = []
        for case .failed(let message) in states { failures.append(.string(message)) }
        current += [
            ("finished", .string(WallClock.iso)),
            ("seconds", .number(MonotonicClock.now - start)),
            ("cpu_seconds", .number(Machine.cpuSeconds)),
            ("peak_memory_bytes", .integer(Machine.peakMemory)),
            ("cells", .object(counts)),
            ("failures", .array(failures)),
            ("exit", .integer(Int(exit.rawValue))),
        ]
    }

    func write(_ path: String) throws {
        try AtomicFile.write(
            path, JSON.object([("attempts", .array(attempts + [.object(current)]))]).text(pretty: true))
    }
}
