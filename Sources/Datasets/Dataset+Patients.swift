import Files

/// What two datasets share of a column.
public struct SharedNames: Equatable, Sendable {
    /// The names that both have, sorted.
    public let names: [String]
    /// How many names the first one has.
    public let first: Int
    /// How many the other one has.
    public let second: Int
}

/// Whose films the rows of a dataset are.
public struct RowPatients: Equatable, Sendable {
    /// A name a row.
    public let names: [String]
    /// The rows, from 0 and in order, that name no patient: each has a name in `names` that no other row has.
    public let unnamed: [Int]
}

extension Dataset {
    /// The patient of every row in one spelling (`PatientName.canonical`): that of the patient column; where it is a null or
    /// there is no such column, that of the image's path in the layout of MIMIC-CXR. A row without either is a patient of its
    /// own, whose name no other row has.
    /// - Parameter pathsOnly: leave the patient column aside.
    /// - Returns: nil where the table has no column of patients, and no path names one.
    /// - Throws: `FileError` where the file was changed.
    public func patients(pathsOnly: Bool = false) throws -> RowPatients? {
        try checkUnchanged()
        var without: [Int] = []
        let names = rows.enumerated().map { row, id -> String in
            let roles = parts[Int(id.part)].roles
            if !pathsOnly, let name = roles.patient?.cell(Int(id.row)) { return PatientName.canonical(name) }
            if let name = roles.image?.cell(Int(id.row)).flatMap(PatientName.inPath) { return name }
            without.append(row)
            return unnamed(id)
        }
        let isNamed = without.count < names.count || (!pathsOnly && hasPatients)
        return isNamed ? RowPatients(names: names, unnamed: without) : nil
    }

    /// The names of `patients`, or nil.
    public func patientNames(pathsOnly: Bool = false) throws -> [String]? { try patients(pathsOnly: pathsOnly)?.names }

    /// The name of the patient of a row that names none. Tables in memory may have one name, so their content tells them apart.
    private func unnamed(_ id: RowID) -> String {
        let table = parts[Int(id.part)].table
        let which = table.isFile ? table.name : "\(table.name) \((try? table.sha256()) ?? "")"
        return "row \(id.row + 1) of \(which) (no patient)"
    }

    /// Where a row stands, as errors name it.
    func place(_ id: RowID) -> String { "\(parts[Int(id.part)].table.name): row \(id.row + 1)" }

    /// The names in a column, in one spelling (`PatientName.canonical`), with a row of each; a null is a patient of its own.
    func names(in column: String) throws -> [(name: String, row: RowID)] {
        let index = try columnIndex(column)
        try checkUnchanged()
        return rows.map { id in
            (parts[Int(id.part)].columns[index].cell(Int(id.row)).map(PatientName.canonical) ?? unnamed(id), id)
        }
    }

    /// Which names of a column, such as the patients', stand in both datasets, however they are spelt.
    /// - Throws: `DatasetError.column`; `.value` where a bare number in one of them may or may not be a name that ends in the
    ///   same number; `FileError` where a file was changed.
    public func shared(_ column: String, with other: Dataset) throws -> SharedNames {
        var seen = PatientNames()
        let sides = try [self, other].map { side -> Set<TextKey> in
            var found = Set<TextKey>()
            for (name, row) in try side.names(in: column) where found.insert(TextKey(name)).inserted {
                try seen.add(name, side.place(row))
            }
            return found
        }
        let both = sides[0].intersection(sides[1]).map(\.text)
        return SharedNames(names: both.sorted(), first: sides[0].count, second: sides[1].count)
    }
}
