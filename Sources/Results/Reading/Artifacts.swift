import Files
import Foundation
import Runs

/// What experiments leave in their run folder for readers, by the names of files:
/// `films.csv` (synthetic, real, caption, by, value; the worst first), `prompt_INFO.csv` (prompt, img_savename, beside `images`),
/// `skipped.csv` (side, path, reason), `training.csv` (epoch, train_loss, validation_loss) and `roc_curves.csv` (class,
/// false_positive_rate, true_positive_rate, auc), each in `artifacts` or in a cell's folder there.
struct Artifacts {
    let files: [(name: String, bytes: Int)]
    private(set) var faults: [String] = []
    private let record: RecordedRun

    init(_ record: RecordedRun) {
        self.record = record
        let found = RecordedRun.files(below: record.artifacts, most: RunResults.Limits.files)
        if found.isCut { faults.append("artifacts: only \(RunResults.Limits.files) files are listed") }
        files = found.files
    }

    private func named(_ name: String) -> [(path: String, place: String)] {
        files.filter { Paths.name($0.name) == name }.prefix(RunResults.Limits.sets).map {
            ("\(record.artifacts)/\($0.name)", Paths.dirname($0.name))
        }
    }

    /// A table with these columns; nil, and a fault, where there is none.
    private mutating func table(_ path: String, _ columns: [String]) -> (table: TextTable, columns: [Int])? {
        do {
            let size = try FileIdentity(of: path).size
            guard size <= RunResults.Limits.tableBytes else {
                throw FileError.unreadable(
                    path: path, reason: "its \(size) bytes are more than the limit of \(RunResults.Limits.tableBytes)")
            }
            let table = try CSVReader.read(path)
            return (
                table,
                try columns.map { name in
                    guard let place = table.position(of: name) else {
                        throw FileError.malformed(path: path, location: "", reason: "it has no column \(name)")
                    }
                    return place
                }
            )
        } catch {
            faults.append("\(error)")
            return nil
        }
    }

    /// Where a path that a run wrote leads: as it is, or from a folder above the run.
    private func place(_ path: String) -> String {
        if path.hasPrefix("/") || FileManager.default.fileExists(atPath: path) { return path }
        var folder = record.path
        for _ in 0..<4 where folder != "/" {
            folder = Paths.folder(folder)
            let candidate = Paths.joined(folder, path)
            if FileManager.default.fileExists(atPath: candidate) { return candidate }
        }
        return path
    }

    mutating func galleries() -> [RunResults.Gallery] {
        var found: [RunResults.Gallery] = []
        for (path, folder) in named("films.csv") {
            guard let (table, columns) = table(path, ["synthetic", "real", "caption", "by", "value"]) else { continue }
            found.append(
                gallery(table.rowCount, in: folder, isSorted: true) { row in
                    func text(_ column: Int) -> String? {
                        table.isNull(row, columns[column]) ? nil : table.text(row, columns[column])
                    }
                    return RunResults.Film(
                        path: place(text(0) ?? ""), real: text(1).map(place), caption: text(2),
                        value: text(4).flatMap(Double.init), by: text(3))
                })
        }
        for (path, folder) in named("prompt_INFO.csv") {
            guard let (table, columns) = table(path, ["prompt", "img_savename"]) else { continue }
            let images = Paths.joined(Paths.folder(path), "images")
            found.append(
                gallery(table.rowCount, in: folder, isSorted: false) { row in
                    RunResults.Film(
                        path: Paths.joined(images, table.text(row, columns[1])), real: nil,
                        caption: table.text(row, columns[0]), value: nil, by: nil)
                })
        }
        return Array(found.filter { $0.count > 0 }.prefix(RunResults.Limits.sets))
    }

    private func gallery(
        _ count: Int, in folder: String, isSorted: Bool, _ film: (Int) -> RunResults.Film
    ) -> RunResults.Gallery {
        let most = RunResults.Limits.films
        let first = (0..<min(count, most)).map(film)
        let last = isSorted ? (max(most, count - most)..<max(most, count)).reversed().map(film) : []
        return RunResults.Gallery(place: folder, isSorted: isSorted, first: first, last: last, count: count)
    }

    /// Pictures of many films in the artifacts themselves or the sweep's own folder, by their names.
    func pictures() -> [String] {
        let hasFilms = files.contains { Paths.name($0.name) == "films.csv" }
        return files.map(\.name).filter { name in
            let word = Paths.name(name).lowercased()
            guard ["png", "jpg", "jpeg"].contains(Paths.ending(name)), ["", "sweep"].contains(Paths.dirname(name))
            else {
                return false
            }
            return ["film", "sheet", "sample"].contains { word.contains($0) } || word.contains("pairs") && !hasFilms
        }.prefix(RunResults.Limits.sets).map { "\(record.artifacts)/\($0)" }
    }

    mutating func curves() -> [RunResults.CurveSet] {
        var sets: [RunResults.CurveSet] = []
        for (path, folder) in named("training.csv") {
            guard let (table, columns) = table(path, ["epoch", "train_loss", "validation_loss"]) else { continue }
            let curves = [("training", 1), ("validation", 2)].map { label, column in
                RunResults.Curve(
                    label: label,
                    points: thinned((0..<table.rowCount).compactMap { point(table, $0, columns[0], columns[column]) }))
            }
            sets.append(RunResults.CurveSet(kind: .losses, place: folder, curves: curves.filter { !$0.points.isEmpty }))
        }
        for (path, folder) in named("roc_curves.csv") {
            guard
                let (table, columns) = table(path, ["class", "false_positive_rate", "true_positive_rate", "auc"])
            else { continue }
            var order: [String] = []
            var points: [String: [(x: Double, y: Double)]] = [:]
            var areas: [String: Double] = [:]
            for row in 0..<table.rowCount {
                let name = table.text(row, columns[0])
                guard let point = point(table, row, columns[1], columns[2]) else { continue }
                if points[name] == nil { order.append(name) }
                points[name, default: []].append(point)
                areas[name] = Double(table.text(row, columns[3]))
            }
            let curves = order.prefix(40).map { name in
                let area = areas[name].map { ", area " + Readable.number($0, decimals: 3) } ?? ""
                return RunResults.Curve(label: name + area, points: thinned(points[name] ?? []))
            }
            sets.append(RunResults.CurveSet(kind: .roc, place: folder, curves: curves))
        }
        return sets.filter { !$0.curves.isEmpty }
    }

    private func point(_ table: TextTable, _ row: Int, _ x: Int, _ y: Int) -> (x: Double, y: Double)? {
        guard let x = Double(table.text(row, x)), let y = Double(table.text(row, y)), x.isFinite, y.isFinite else {
            return nil
        }
        return (x, y)
    }

    /// At most so many points as a plot can show, the ends among them.
    private func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        let most = RunResults.Limits.points
        guard points.count > most else { return points }
        return (0..<most).map { points[$0 * (points.count - 1) / (most - 1)] }
    }

    /// What does not count: rows of `skipped.csv`, and what the log says of films and captions that were left out.
    mutating func leftOut() -> (reasons: [String], count: Int) {
        var reasons: [String] = []
        var count = 0
        for (path, _) in named("skipped.csv") {
            guard let (table, columns) = table(path, ["side", "reason"]) else { continue }
            count += table.rowCount
            for row in 0..<table.rowCount where reasons.count < RunResults.Limits.reasons {
                reasons.append("\(table.text(row, columns[0])): \(table.text(row, columns[1]))")
            }
        }
        let hasTable = count > 0
        if let text = try? FileReader.text(record.log, limit: 16 << 20) {
            // A run that was resumed says it again.
            var seen: Set<Substring> = []
            for line in text.split(separator: "\n") {
                let words = line.drop { $0 != " " }.dropFirst()
                guard words.hasPrefix("left out: ") && !hasTable || words.hasPrefix("no alignment: "),
                    seen.insert(words).inserted
                else { continue }
                count += 1
                if reasons.count < RunResults.Limits.reasons { reasons.append(String(words)) }
            }
        }
        return (reasons, count)
    }
}
