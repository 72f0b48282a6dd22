import Files
import Foundation
import Tensors

/// How much of a dataset goes to the test side.
public enum SplitSize: Equatable, Sendable {
    /// A share between 0 and 1 of the rows, or of the groups; the number is rounded up.
    case fraction(Double)
    /// A number of rows, or of groups.
    case count(Int)
}

/// The two sides of a split, with the count of what must not be on both.
public struct DatasetSplit {
    /// The larger side, usually.
    public let train: Dataset
    /// The other.
    public let test: Dataset
    /// The column whose groups were counted: the one that was split by, else the patient's, if there is one.
    public let groupColumn: String?
    /// Groups with a row in `train`.
    public let trainGroups: Int
    /// Groups with a row in `test`.
    public let testGroups: Int
    /// Groups with rows on both sides: 0 where the split was by group.
    public let sharedGroups: Int

    /// One line for a log: how many rows, and how many groups the sides share.
    public var summary: String {
        let sizes = "train \(train.count) rows, test \(test.count) rows"
        guard let groupColumn else { return sizes + "; no patient column, so shared patients were not counted" }
        return sizes + "; \(sharedGroups) of \(groupColumn) shared (\(trainGroups) train / \(testGroups) test)"
    }
}

extension Dataset {
    /// Splits rows as scikit-learn's `train_test_split(test_size=test, random_state=seed)`, in the drawn order; or, with
    /// `by`, groups of rows as its `GroupShuffleSplit`, each side in the table's order, no group on both sides.
    ///
    /// Groups are numbered in sorted order, by value where all are integers (as pandas reads them), else by text.
    /// - Throws: `DatasetError.value` where a side would be empty or the seed is not from 0 to 2^32 - 1, `.row` for a null
    ///   in the column of groups.
    public func split(test: SplitSize, seed: Int, by column: String? = nil) throws -> DatasetSplit {
        let numpySeed = try Dataset.numpySeed(seed, operation: "split")
        var random = NumPyRandom(seed: numpySeed)
        let sizeText: String
        switch test {
        case .fraction(let share): sizeText = "test = \(share)"
        case .count(let number): sizeText = "test = \(number)"
        }
        guard let column else {
            let testCount = try Dataset.testCount(test, of: count, unit: "rows")
            let order = random.permutation(count)
            let detail = "\(sizeText), seed = \(seed)"
            return try counted(
                train: derived(order[testCount...].map { rows[$0] }, "split train", detail),
                test: derived(order[..<testCount].map { rows[$0] }, "split test", detail))
        }
        let groups = try self.groups(by: column)
        let testCount = try Dataset.testCount(test, of: groups.names.count, unit: "groups of \(column)")
        var isTest = [Bool](repeating: false, count: groups.names.count)
        for group in random.permutation(groups.names.count)[..<testCount] { isTest[group] = true }
        let detail = "\(sizeText), seed = \(seed), by = \(column)"
        let testRows = zip(rows, groups.indexes).filter { isTest[$1] }.map(\.0)
        let trainRows = zip(rows, groups.indexes).filter { !isTest[$1] }.map(\.0)
        return try counted(
            train: derived(trainRows, "split train", detail), test: derived(testRows, "split test", detail), by: column)
    }

    /// The group of each row by a column, as numbers into the sorted names of the groups (`numpy.unique` with its inverse).
    /// - Throws: `DatasetError.column`; `.row` for a null.
    public func groups(by column: String) throws -> (indexes: [Int], names: [String]) {
        let texts = try self.column(column)
        var numbers: [TextKey: Int] = [:]
        var names: [String] = []
        var indexes: [Int] = []
        indexes.reserveCapacity(texts.count)
        let normalized = try texts.enumerated().map { row, text -> String in
            guard let text else { throw rowError(row, "the cell of column \"\(column)\" is a null, which is no group") }
            return text
        }
        // pandas reads a column of integers as numbers: 007 and 7 are one patient then.
        let values = normalized.compactMap { Int($0) }
        let areIntegers = values.count == normalized.count
        for (row, text) in normalized.enumerated() {
            let name = areIntegers ? String(values[row]) : text
            let number = numbers[TextKey(name)] ?? names.count
            if number == names.count {
                numbers[TextKey(name)] = number
                names.append(name)
            }
            indexes.append(number)
        }
        let sorted = names.indices.sorted { first, second in
            if areIntegers, let a = Int(names[first]), let b = Int(names[second]) { return a < b }
            return names[first].utf8.lexicographicallyPrecedes(names[second].utf8)
        }
        var rank = [Int](repeating: 0, count: names.count)
        for (place, number) in sorted.enumerated() { rank[number] = place }
        return (indexes.map { rank[$0] }, sorted.map { names[$0] })
    }

    /// How many units go to the test side: `ceil(share * count)`, as scikit-learn rounds.
    private static func testCount(_ size: SplitSize, of count: Int, unit: String) throws -> Int {
        let wanted: Int
        switch size {
        case .fraction(let share):
            guard share > 0, share < 1 else {
                throw DatasetError.value(
                    operation: "split", message: "test must be a share between 0 and 1 or a number, got \(share)")
            }
            wanted = Int((share * Double(count)).rounded(.up))
        case .count(let number): wanted = number
        }
        guard wanted > 0, wanted < count else {
            throw DatasetError.value(
                operation: "split",
                message: "\(wanted) of \(count) \(unit) for test would leave a side empty")
        }
        return wanted
    }

    /// Counts the groups that stand on both sides, from the sides themselves.
    private func counted(train: Dataset, test: Dataset, by column: String? = nil) throws -> DatasetSplit {
        func members(_ side: Dataset) throws -> Set<TextKey>? {
            var found = Set<TextKey>()
            let index = try column.map { try columnIndex($0) }
            for id in side.rows {
                let part = parts[Int(id.part)]
                guard let reference = index.map({ part.columns[$0] }) ?? part.roles.patient else { return nil }
                guard let text = reference.cell(Int(id.row)) else { continue }
                found.insert(TextKey(text))
            }
            return found
        }
        guard let trainMembers = try members(train), let testMembers = try members(test) else {
            return DatasetSplit(
                train: train, test: test, groupColumn: nil, trainGroups: 0, testGroups: 0, sharedGroups: 0)
        }
        return DatasetSplit(
            train: train, test: test, groupColumn: column ?? patientColumn, trainGroups: trainMembers.count,
            testGroups: testMembers.count, sharedGroups: trainMembers.intersection(testMembers).count)
    }
}
