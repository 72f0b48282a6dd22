import BuildIdentity
import Files
import Launcher
import Runs

extension Command {
    /// `chexgen show`.
    static let show = Command(
        name: "show", about: "print one run: its state, settings, results and files", arguments: [.init("RUN", .run)],
        text: [
            "RUN is a run's folder, or its run.yaml. Nothing is changed, and a run that is going on does not notice."
        ],
        examples: [
            ("chexgen show runs/fidelity-20260101-120000", "what was set, what came out, how to go on or repeat it")
        ]
    ) { given in
        print(try RunPage(RunView(given.positional[0], build: BuildIdentity.sources), name: given.positional[0]).text)
        return .done
    }
}

/// What `chexgen show` prints of a run.
private struct RunPage {
    private static let shownRows = 20
    private static let shownArtifacts = 20

    let view: RunView
    /// The run as the user named it.
    let folder: String

    init(_ view: RunView, name: String) {
        self.view = view
        folder = name.hasSuffix("/run.yaml") ? String(name.dropLast("/run.yaml".count)) : name
    }

    private var details: RunDetails { view.details }
    private var state: RunState { details.summary.state }

    var text: String {
        var parts = [facts, settings, results, artifacts].filter { !$0.isEmpty }
        parts.append(commands)
        return parts.joined(separator: "\n\n")
    }

    private var facts: String {
        let summary = details.summary
        var rows: [[JSON]] = [
            [.string("run"), .string(summary.name)], [.string("state"), .string(state.rawValue)],
        ]
        func add(_ name: String, _ text: String) { rows.append([.string(name), .string(text)]) }
        if !summary.note.isEmpty { add("reason", summary.note) }
        add("experiment", details.config.experiment)
        let cells = details.cells
        if cells.count > 1 || state != .done {
            add("cells", "\(cells.count): " + cells.byState.map { "\($0.count) \($0.state)" }.joined(separator: ", "))
        }
        let seconds = details.attempts.compactMap { $0["seconds"]?.number }.reduce(0, +)
        let peak = details.attempts.compactMap { $0["peak_memory_bytes"]?.integer }.max()
        var when = summary.begun
        if details.attempts.count > 1 { when += ", \(details.attempts.count) attempts" }
        if seconds > 0 { when += ", \(Int(seconds.rounded(.up))) s" }
        if let peak { when += ", \(peak >> 20) MB of memory" }
        add("begun", when)
        let processor = details.attempts.last?["machine"]?["processor"]?.string ?? ""
        add("machine", processor + ", \(details.config.threads.map(String.init) ?? "all") threads")
        let build = details.config.provenance["build"]?.string ?? ""
        let version = details.config.provenance["chexgen"]?.string ?? "unknown"
        let isThis = view.programDifferences.isEmpty
        add(
            "program",
            "chexgen \(version), sources \(build.prefix(12)), \(isThis ? "this one" : "another one than this")")
        add("inputs", "\(details.pinnedFiles) file\(details.pinnedFiles == 1 ? "" : "s"), pinned by their SHA-256")
        return lines(rows)
    }

    private var settings: String {
        let config = details.config
        var rows: [[JSON]] = [[.string("seed"), .integer(config.seed)], [.string("dtype"), .string(config.dtype)]]
        rows += view.settings.map { [.string("params.\($0.name)"), $0.value] }
        if let sweep = config.sweep {
            rows += ExperimentOutline.leaves(sweep.value).map { [.string("sweep.\($0.name)"), $0.value] }
        }
        var title = "seed, dtype, and what differs from the experiment's defaults:"
        if let reason = view.missingDefaults {
            title = "all settings, as the experiment's defaults are not at hand (\(reason)):"
        }
        return title + "\n" + lines(rows)
    }

    private func lines(_ rows: [[JSON]]) -> String {
        let width = rows.map { Listing.cell($0[0]).count }.max() ?? 0
        return rows.map { row in
            let indent = String(repeating: " ", count: width + 4)
            let value = row[1].string == "" ? "\"\"" : Listing.cell(row[1])
            let text = Listing.wrapped(value, width: max(24, Terminal.width - width - 4))
            return "  " + Listing.padded(Listing.cell(row[0]), width) + "  " + text.joined(separator: "\n" + indent)
        }.joined(separator: "\n")
    }

    // MARK: Results

    /// Identities are long lines for programs to compare.
    private var shownColumns: [Int] {
        details.columns.indices.filter { !details.columns[$0].lowercased().hasSuffix(" identity") }
    }

    private var results: String {
        let count = details.rows.count
        guard count > 0 else { return "results: none" }
        let hidden = details.columns.count - shownColumns.count
        let title =
            "results: \(count) row\(count == 1 ? "" : "s")" + (hidden > 0 ? "; identities are in results.csv" : "")
        let rows = Array(details.rows.prefix(Self.shownRows))
        let rest = count > rows.count ? "\n  and \(count - rows.count) rows more in \(folder)/results.csv" : ""
        return title + "\n" + (rows.count <= 3 ? upright(rows) : blocks(rows)) + rest
    }

    /// Few rows: a line a column.
    private func upright(_ rows: [[String]]) -> String {
        let names = shownColumns.map { Listing.cut(printable(details.columns[$0]), 40) }
        let left = names.map(\.count).max() ?? 0
        let room = max(12, (Terminal.width - left - 2) / rows.count - 2)
        let cells = shownColumns.map { column in rows.map { Listing.cut(printable($0[column]), room) } }
        let width = cells.joined().map(\.count).max() ?? 0
        return zip(names, cells).map { name, values in
            Listing.trimmed(
                "  " + Listing.padded(name, left) + values.map { "  " + Listing.padded($0, width) }.joined())
        }.joined(separator: "\n")
    }

    /// Many rows: the columns in blocks that fit, each with the first column before it.
    private func blocks(_ rows: [[String]]) -> String {
        let columns = shownColumns.map { column -> [String] in
            let cells = ([details.columns[column]] + rows.map { $0[column] }).map {
                Listing.cut(printable($0), 32)
            }
            let width = cells.map(\.count).max() ?? 0
            return cells.map { Listing.padded($0, width) }
        }
        guard let first = columns.first else { return "" }
        var blocks: [[[String]]] = []
        for column in columns.dropFirst() {
            let used = (blocks.last ?? []).reduce(2) { $0 + ($1.first?.count ?? 0) + 2 }
            if blocks.isEmpty || used + (column.first?.count ?? 0) > Terminal.width { blocks.append([first]) }
            blocks[blocks.count - 1].append(column)
        }
        if blocks.isEmpty { blocks = [[first]] }
        return blocks.map { block in
            first.indices.map { row in Listing.trimmed("  " + block.map { $0[row] }.joined(separator: "  ")) }
                .joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    // MARK: Files and commands

    private var artifacts: String {
        let all = details.artifacts
        guard !all.isEmpty else { return "" }
        var lines = all.prefix(Self.shownArtifacts).map {
            "  artifacts/\(printable($0.name)), \(size($0.bytes))"
        }
        if all.count > lines.count { lines.append("  and \(all.count - lines.count) files more") }
        return "files:\n" + lines.joined(separator: "\n")
    }

    private func size(_ bytes: Int) -> String {
        bytes < 10_000 ? "\(bytes) bytes" : bytes < 10_000_000 ? "\(bytes >> 10) KB" : "\(bytes >> 20) MB"
    }

    private var commands: String {
        let quoted =
            folder.allSatisfy { $0.isLetter || $0.isNumber || "/._-+".contains($0) }
            ? folder
            : "'" + folder.replacing("'", with: "'\\''") + "'"
        let other = view.programDifferences.isEmpty ? "" : " --allow-changed-program"
        switch state {
        case .running: return "it is running"
        case .done: return "to repeat it:\n  chexgen run \(quoted)/run.yaml\(other)"
        default: return "to go on:\n  chexgen run --resume \(quoted)\(other)"
        }
    }
}
