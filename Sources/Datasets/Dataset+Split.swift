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

extension Dataset {
    /// Splits rows as scikit-learn's `train_test_split(test_size=test, random_state=seed)`, in the drawn order; or, with
    /// `by`, groups of rows as its `GroupShuffleSplit`, each side in the table's order, no group on both sides.
    ///
    /// Groups are numbered in sorted order, by value where all are integers (as pandas reads them), else by text; see
    /// `groups(by:)` for what is one group.
    /// - Throws: `DatasetError.value` where a side would be empty, the seed is not from 0 to 2^32 - 1, or names of groups
    ///   cannot be told apart.
    public func split(test: SplitSize, seed: Int, by column: String? = nil) throws -> (train: Dataset, test: Dataset) {
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
            return (
                derived(order[testCount...].map { rows[$0] }, "split train", detail),
                derived(order[..<testCount].map { rows[$0] }, "split test", detail)
            )
        }
        let groups = try self.groups(by: column)
        let testCount = try Dataset.testCount(test, of: groups.names.count, unit: "groups of \(column)")
        var isTest = [Bool](repeating: false, count: groups.names.count)
        for group in random.permutation(groups.names.count)[..<testCount] { isTest[group] = true }
        let detail = "\(sizeText), seed = \(seed), by = \(column)"
        let testRows = zip(rows, groups.indexes).filter { isTest[$1] }.map(\.0)
        let trainRows = zip(rows, groups.indexes).filter { !isTest[$1] }.map(\.0)
        return (derived(trainRows, "split train", detail), derived(testRows, "split test", detail))
    }

    /// The group of each row by a column, as numbers into the sorted names of the groups (`numpy.unique` with its inverse).
    /// Names are compared in one spelling (`PatientName.canonical`), as pandas reads a column of 007 and 7, or of 7.0, as
    /// numbers; a null is a group of its own.
    /// - Throws: `DatasetError.column`; `.value` where a bare number may or may not be a name that ends in the same number.
    public func groups(by column: String) throws -> (indexes: [Int], names: [String]) {
        var numbers: [TextKey: Int] = [:]
        var names: [String] = []
        var seen = PatientNames()
        let indexes = try self.names(in: column).map { name, row -> Int in
            if let number = numbers[TextKey(name)] { return number }
            try seen.add(name, place(row))
            numbers[TextKey(name)] = names.count
            names.append(name)
            return names.count - 1
        }
        let areIntegers = names.allSatisfy { Int($0) != nil }
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
}
