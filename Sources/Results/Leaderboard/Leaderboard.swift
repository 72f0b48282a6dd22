import Files
import Identity
import Metrics

/// Rows in the order of a metric. Numbers of other identities (protocol, encoder, weights, preprocessing, dtype, number of films,
/// …) are other numbers: each kind has an order of its own, unless they are mixed, which every row then says.
public struct Leaderboard {
    /// A row in its place.
    public struct Entry {
        /// The place among its group, from 1; equal values share one.
        public let place: Int
        /// The row's place among those that were given.
        public let row: Int
        /// The number.
        public let number: LeaderboardNumber
        /// In what the number differs from the first of its group; nil where in nothing.
        public let difference: String?
    }

    /// Numbers of one kind.
    public struct Group {
        /// What they are, in words.
        public let title: String
        /// The rows, best first.
        public let entries: [Entry]
    }

    /// The column that the benchmark ranks by.
    public static let standardMetric = "FID (RadDino)"

    /// The column that rows are ranked by.
    public let metric: String
    /// Which values are better.
    public let direction: StatisticDirection
    /// Whether numbers of several kinds are ranked together.
    public let isMixed: Bool
    /// The groups, the published one first, then those of the best rows.
    public private(set) var groups: [Group]
    /// Rows without the number.
    public let without: [Int]

    /// The most rows that are ranked.
    public static let limit = 10_000

    /// The columns with numbers of some rows, each once.
    public static func metrics(_ rows: [LeaderboardRow]) -> [String] {
        var seen: Set<String> = []
        return rows.flatMap { $0.numbers.map(\.metric) }.filter { seen.insert($0).inserted }
    }

    /// Which values of a metric are better; nil where nothing says so, or rows disagree.
    static func direction(of metric: String, _ rows: [LeaderboardRow]) -> StatisticDirection? {
        let told = Set(rows.compactMap { $0.number(metric)?.direction })
        return told.isEmpty ? Direction.byName(metric) : told.count == 1 ? told.first : nil
    }

    /// Ranks rows.
    /// - Parameters:
    ///   - order: which values are better, for columns of which the program does not know it.
    ///   - isMixed: rank numbers of all kinds together.
    /// - Throws: `LeaderboardError` for a column that no row has, one whose better end nobody knows, and too many rows.
    public init(
        _ rows: [LeaderboardRow], by metric: String, order: StatisticDirection? = nil, isMixed: Bool = false
    ) throws {
        guard rows.count <= Leaderboard.limit else {
            throw LeaderboardError("wanted at most \(Leaderboard.limit) rows, got \(rows.count)")
        }
        let known = Leaderboard.metrics(rows)
        guard known.contains(metric) else {
            let hint =
                nearest(metric, among: known).map { "; did you mean \($0)?" }
                ?? "; known: " + known.prefix(12).joined(separator: ", ") + (known.count > 12 ? ", …" : "")
            throw LeaderboardError("no row has the number \(metric)\(hint)")
        }
        guard let direction = order ?? Leaderboard.direction(of: metric, rows) else {
            let isTold = rows.contains { $0.number(metric)?.direction != nil }
            throw LeaderboardError(
                (isTold ? "rows disagree on" : "nothing says")
                    + " which values of \(metric) are better: give the order, lower or higher")
        }
        self.metric = metric
        self.direction = direction
        var keys: [String] = []
        var members: [String: [(row: Int, number: LeaderboardNumber)]] = [:]
        var without: [Int] = []
        for (index, row) in rows.enumerated() {
            guard let number = row.number(metric), !number.value.isNaN else {
                without.append(index)
                continue
            }
            let key = Kind.key(row, number)
            if members[key] == nil { keys.append(key) }
            members[key, default: []].append((index, number))
        }
        self.without = without
        self.isMixed = isMixed && keys.count > 1
        func isBetter(_ a: (row: Int, number: LeaderboardNumber), _ b: (row: Int, number: LeaderboardNumber)) -> Bool {
            if a.number.value != b.number.value {
                return direction == .lower ? a.number.value < b.number.value : a.number.value > b.number.value
            }
            return a.row < b.row
        }
        func group(
            _ title: String, _ members: [(row: Int, number: LeaderboardNumber)],
            _ first: (LeaderboardRow, LeaderboardNumber)?
        )
            -> Group
        {
            var entries: [Entry] = []
            for (index, member) in members.sorted(by: isBetter).enumerated() {
                let isTied = entries.last.map { $0.number.value == member.number.value } ?? false
                let place = isTied ? entries[index - 1].place : index + 1
                entries.append(
                    Entry(
                        place: place, row: member.row, number: member.number,
                        difference: first.flatMap { Kind.difference(rows[member.row], member.number, from: $0.0, $0.1) }
                    ))
            }
            return Group(title: title, entries: entries)
        }
        if self.isMixed {
            let all = keys.flatMap { members[$0] ?? [] }
            let first = all.min(by: isBetter).map { (rows[$0.row], $0.number) }
            groups = [
                group("Numbers of \(keys.count) identities, mixed: they do not mean the same", all, first)
            ]
        } else {
            let ordered = keys.map { members[$0] ?? [] }.sorted { a, b in
                let published = (rows[a[0].row].isPublished, rows[b[0].row].isPublished)
                if published.0 != published.1 { return published.0 }
                guard let one = a.min(by: isBetter), let other = b.min(by: isBetter) else { return false }
                return isBetter(one, other)
            }
            groups = ordered.map { group(Kind.title(rows[$0[0].row], $0[0].number), $0, nil) }
        }
    }

    /// Columns of rows that are no numbers of theirs, by which they may be listed.
    public static let columns = ["place", "rank", "model", "size", "year"]

    /// The same places, listed by another column of the rows; rows without it come last.
    public func listed(_ rows: [LeaderboardRow], by column: String) -> Leaderboard {
        func key(_ entry: Entry) -> (Double, String) {
            let row = rows[entry.row]
            switch column {
            case "rank": return (row.rank.map(Double.init) ?? .infinity, "")
            case "year": return (row.year.map(Double.init) ?? .infinity, "")
            case "size": return (row.size.flatMap { Double($0.prefix { $0.isNumber || $0 == "." }) } ?? .infinity, "")
            case "model": return (0, row.model.lowercased())
            default: return (Double(entry.place), "")
            }
        }
        var other = self
        other.groups = groups.map { group in
            Group(
                title: group.title,
                entries: group.entries.sorted { a, b in
                    let (left, right) = (key(a), key(b))
                    return left == right ? a.place < b.place : left < right
                })
        }
        return other
    }

    /// What makes numbers of one kind.
    enum Kind {
        static func key(_ row: LeaderboardRow, _ number: LeaderboardNumber) -> String {
            if let identity = number.identity { return identity.text }
            return
                "\(row.isPublished) \(row.isPublished ? row.source : "") \(row.definition ?? "") \(number.real ?? -1) \(number.synthetic ?? -1)"
        }

        static func title(_ row: LeaderboardRow, _ number: LeaderboardNumber) -> String {
            guard let identity = number.identity else {
                let definition = row.definition.map { "protocol \($0)" } ?? "protocol unknown"
                return row.isPublished
                    ? "Published: \(row.source); \(definition), what else the numbers are is not published"
                    : "\(definition), identity unknown" + counts(number)
            }
            let weights: String
            if case .files(let hash) = identity.features.source {
                weights = ", weights \(hash.prefix(12))"
            } else {
                weights = ""
            }
            return "protocol \(identity.definition.rawValue), encoder \(identity.features.encoder)\(weights), "
                + "\(identity.features.dtype), \(identity.estimator)\(counts(number))"
        }

        private static func counts(_ number: LeaderboardNumber) -> String {
            guard number.real != nil || number.synthetic != nil else { return "" }
            func text(_ count: Int?) -> String { count.map(String.init) ?? "unknown" }
            if Counted(number.identity) == .reports {
                return ", \(text(number.synthetic)) reports beside \(text(number.real)) references"
            }
            return ", \(text(number.real)) real and \(text(number.synthetic)) synthetic films"
        }

        static func difference(
            _ row: LeaderboardRow, _ number: LeaderboardNumber, from other: LeaderboardRow, _ first: LeaderboardNumber
        ) -> String? {
            if key(row, number) == key(other, first) { return nil }
            guard let ours = number.identity, let theirs = first.identity else {
                let what = row.isPublished ? "published" : number.identity == nil ? "identity unknown" : "own run"
                return "\(what), protocol \(row.definition ?? "unknown")"
            }
            let differences = ours.differences(from: theirs)
            return differences.isEmpty
                ? nil
                : differences.map { "\($0.field) \($0.ours.isEmpty ? "absent" : Readable.cut($0.ours, 40))" }.joined(
                    separator: ", ")
        }
    }
}

/// What is wrong with rows that are to be ranked.
public struct LeaderboardError: InputFault, Equatable, CustomStringConvertible {
    /// The message.
    public let description: String

    init(_ description: String) { self.description = description }
}
