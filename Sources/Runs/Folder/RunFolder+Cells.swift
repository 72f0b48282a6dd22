import Files

/// When `results.csv` was last written, and what it cost.
struct ResultWriting {
    var last = -Double.infinity
    var cost = 0.0
}

extension RunFolder {
    /// Begins a cell. Where an earlier process was stopped in it, its rows are recorded anew and must be the same.
    /// - Throws: `FileError` where the journal cannot be written.
    public func begin(_ cell: Cell) throws {
        try lock.withLock {
            replayed[cell.name] = 0
            tablesReplayed[cell.name] = 0
            try set(.running, of: cell)
        }
    }

    /// Ends a cell whose script returned.
    /// - Throws: `RunsError.notDeterministic` where it recorded fewer rows than before it was stopped, `.folder` where a file that
    ///   it had made is gone for good.
    public func finish(_ cell: Cell) throws {
        try lock.withLock {
            let before = rows[cell.name]?.count ?? 0
            let now = replayed[cell.name] ?? 0
            guard now == before else {
                throw RunsError.notDeterministic(
                    cell: cell.label, message: "\(before) rows were recorded before it was stopped, and \(now) now")
            }
            try noteArtifacts(of: cell)
            try set(.done, of: cell)
            try writeResults()
            try writeConfig()
        }
    }

    /// Notes that a cell failed; the others go on.
    public func fail(_ cell: Cell, _ message: String) throws {
        try lock.withLock {
            try set(.failed(message), of: cell)
            try writeResults()
            try writeConfig()
        }
    }

    /// Notes that a cell was stopped from outside.
    public func interrupt(_ cell: Cell) throws {
        try lock.withLock {
            try set(.interrupted, of: cell)
            try writeResults()
            try writeConfig()
        }
    }

    /// Records a row of results: it is on the disk when this returns. `results.csv` follows at once where it is small,
    /// and otherwise as often as costs a tenth of the time, and whole in the end; the journal has every row.
    /// - Parameters:
    ///   - row: columns in order, each name once. Sweep settings are added before them in the result files.
    ///   - cell: the cell, begun before.
    /// - Throws: `RunsError.notDeterministic` where the cell recorded another row here before it was stopped; `FileError`.
    public func record(_ row: [(String, JSON)], cell: Cell) throws {
        try ResultTables.checkColumns(row, operation: "record")
        try lock.withLock {
            guard states[cell.name] == .running, let number = replayed[cell.name] else {
                throw RunsError.usage(operation: "record", message: "the cell \(cell.label) is not running")
            }
            if let known = rows[cell.name], number < known.count {
                try RunFolder.compare(row, known[number], number: number, cell: cell)
                replayed[cell.name] = number + 1
                return
            }
            try journal.append(
                .object([
                    ("kind", .string("row")), ("cell", .string(cell.name)), ("number", .integer(number)),
                    ("row", .object(row.map { (key: $0.0, value: $0.1) })),
                ]))
            rows[cell.name, default: []].append(row)
            replayed[cell.name] = number + 1
            let now = MonotonicClock.now
            if now - writing.last >= 10 * writing.cost { try writeResults() }
        }
    }

    /// All rows as the result files hold them: by cell, then in the order they were recorded.
    public var allRows: [[(String, JSON)]] {
        lock.withLock {
            plan.cells.flatMap { cell in
                (rows[cell.name] ?? []).map { ResultFiles.complete($0, cell: cell) }
            }
        }
    }

    private static func compare(
        _ row: [(String, JSON)], _ before: [(String, JSON)], number: Int, cell: Cell
    ) throws {
        let now = JSON.object(row.map { (key: $0.0, value: $0.1) })
        let then = JSON.object(before.map { (key: $0.0, value: $0.1) })
        guard now != then else { return }
        let differences = RunDiff.differences(then, now, "before it was stopped", "now")
        let what = differences.isEmpty ? "the order of the columns" : differences.joined(separator: "; ")
        throw RunsError.notDeterministic(cell: cell.label, message: "row \(number + 1) differs: \(what)")
    }

    func set(_ state: CellState, of cell: Cell) throws {
        var entries: [(key: String, value: JSON)] = [
            ("kind", .string("cell")), ("cell", .string(cell.name)), ("state", .string(state.word)),
        ]
        if case .failed(let message) = state { entries.append(("message", .string(String(message.prefix(100_000))))) }
        try journal.append(.object(entries))
        states[cell.name] = state
    }

    /// Writes `results.csv`, `results.jsonl` and, where a row holds a metric, `results_long.csv`, each whole.
    func writeResults() throws {
        try journal.checkIsThere()
        let start = MonotonicClock.now
        let all = allRows
        try AtomicFile.write(path + "/" + Names.csv, ResultFiles.csv(all))
        if let long = LongTable.csv(all) { try AtomicFile.write(path + "/" + Names.longCSV, long) }
        try AtomicFile.write(path + "/" + Names.jsonl, all.map(ResultFiles.jsonLine).joined())
        writing.last = MonotonicClock.now
        writing.cost = writing.last - start
    }

    /// Takes up what the journal of an earlier process holds.
    func replay(_ records: [JSON]) throws {
        for (index, record) in records.enumerated() {
            func damaged() -> RunsError {
                .folder(path: journal.path, message: "record \(index + 1) is not one that this version writes")
            }
            guard case .string(let kind)? = record["kind"] else { throw damaged() }
            if ["begin", "pins", "program"].contains(kind) { continue }
            if kind == "written" {
                guard let paths = WrittenPaths.paths(record) else { throw damaged() }
                written.takeUp(paths)
                continue
            }
            guard case .string(let cell)? = record["cell"] else { throw damaged() }
            switch kind {
            case "cell":
                guard let state = CellState(record) else { throw damaged() }
                states[cell] = state
            case "row":
                guard case .object(let row)? = record["row"], record["number"] == .integer(rows[cell]?.count ?? 0)
                else {
                    throw damaged()
                }
                rows[cell, default: []].append(row.map { ($0.key, $0.value) })
            case "once":
                guard let (key, entry) = StoredEntry.read(record) else { throw damaged() }
                stored[cell, default: [:]][key] = entry
            case "table": guard replayTable(record, cell: cell) else { throw damaged() }
            case "artifacts": guard replayArtifacts(record, cell: cell) else { throw damaged() }
            default: throw damaged()
            }
        }
        // A cell that was running when its process died was interrupted.
        for (cell, state) in states where state == .running { states[cell] = .interrupted }
    }
}

extension CellState {
    /// The state in a word, as the journal and `run.json` hold it.
    public var word: String {
        switch self {
        case .pending: return "pending"
        case .running: return "running"
        case .done: return "done"
        case .failed: return "failed"
        case .interrupted: return "interrupted"
        }
    }

    init?(_ record: JSON) {
        guard case .string(let word)? = record["state"] else { return nil }
        switch word {
        case "running": self = .running
        case "done": self = .done
        case "interrupted": self = .interrupted
        case "failed":
            guard case .string(let message)? = record["message"] else { return nil }
            self = .failed(message)
        default: return nil
        }
    }
}
