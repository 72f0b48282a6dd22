import Tensors

/// How many rows have each state of one pathology.
public struct LabelCounts: Equatable, Sendable {
    /// The pathology.
    public let name: String
    /// Rows with 1.
    public var positive = 0
    /// Rows with 0.
    public var negative = 0
    /// Rows with -1.
    public var uncertain = 0
    /// Rows with nothing.
    public var notMentioned = 0
}

extension Dataset {
    /// The fourteen labels of a row.
    /// - Throws: `DatasetError.value` where there is no label column, `.row` where the row's cell is not what it must be.
    public func labels(_ row: Int) throws -> Labels {
        guard let column = try part(row).roles.labels else { throw noLabels() }
        return try column.labels(Int(rows[row].row))
    }

    /// The rows in which a pathology has a state.
    /// - Throws: as `labels(_:)`, and `DatasetError.value` for an unknown pathology.
    public func withLabel(_ name: String, _ state: LabelState) throws -> Dataset {
        let index = try Pathologies.index(of: name)
        guard hasLabels else { throw noLabels() }
        var kept: [RowID] = []
        for (position, id) in rows.enumerated() where try labels(position)[index] == state { kept.append(id) }
        return derived(kept, "with_label", "\(name), \(state.value.map(String.init) ?? "nil")")
    }

    /// The rows in which a pathology has a CheXpert value: 1, 0, -1, or nil for not mentioned.
    /// - Throws: as `withLabel(_:_:)`, and `DatasetError.value` for another number.
    public func withLabel(_ name: String, value: Int?) throws -> Dataset {
        try withLabel(name, LabelState(value: value))
    }

    /// The labels as numbers: 1 for positive, 0 for negative, and what the policy says for the others.
    /// - Parameters:
    ///   - uncertain: what stands for -1; nil makes each an error.
    ///   - missing: what stands for not mentioned; nil makes each an error.
    /// - Returns: `[N, 14]` f32, columns in the order of `Pathologies.names`.
    /// - Throws: as `labels(_:)`, and `DatasetError.value` that counts the states without a policy.
    public func labelsMatrix(uncertain: Float?, missing: Float?) throws -> Tensor {
        guard hasLabels else { throw noLabels() }
        let width = Pathologies.count
        var values = [Float](repeating: 0, count: count * width)
        var uncertainCount = 0
        var missingCount = 0
        for row in rows.indices {
            let labels = try labels(row)
            for index in 0..<width {
                switch labels[index] {
                case .positive: values[row * width + index] = 1
                case .negative: break
                case .uncertain:
                    uncertainCount += 1
                    values[row * width + index] = uncertain ?? 0
                case .notMentioned:
                    missingCount += 1
                    values[row * width + index] = missing ?? 0
                }
            }
        }
        var without: [String] = []
        if uncertain == nil && uncertainCount > 0 { without.append("\(uncertainCount) uncertain labels (-1)") }
        if missing == nil && missingCount > 0 { without.append("\(missingCount) labels that are not mentioned") }
        guard without.isEmpty else {
            throw DatasetError.value(
                operation: "labels_tensor",
                message: "\(name) has \(without.joined(separator: " and ")); say what stands for them, "
                    + "such as uncertain = 0, missing = 0")
        }
        return try Tensor(values, shape: [count, width])
    }

    /// How often each state occurs, a line a pathology.
    /// - Throws: as `labels(_:)`.
    public func labelCounts() throws -> [LabelCounts] {
        var counts = Pathologies.names.map { LabelCounts(name: $0) }
        for row in rows.indices {
            let labels = try labels(row)
            for index in counts.indices {
                switch labels[index] {
                case .positive: counts[index].positive += 1
                case .negative: counts[index].negative += 1
                case .uncertain: counts[index].uncertain += 1
                case .notMentioned: counts[index].notMentioned += 1
                }
            }
        }
        return counts
    }

    private func noLabels() -> DatasetError {
        .value(
            operation: "labels",
            message: "\(name) was opened without a label column and does not have the fourteen columns of CheXpert; "
                + "its columns are \(columns.joined(separator: ", "))")
    }
}
