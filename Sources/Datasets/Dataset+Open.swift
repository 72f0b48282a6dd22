import Files
import Foundation
import Tensors

extension Dataset {
    /// Opens a CSV file (RFC 4180, UTF-8, a header line).
    /// - Parameters:
    ///   - path: the file.
    ///   - imageDirectory: the folder that image paths are relative to; the table's own folder where it is not given.
    ///   - image: the column of image paths.
    ///   - prompt: the column of prompts.
    ///   - labels: the column of CheXpert dictionaries. Without it, or where it is `usualLabelColumn` and not there, the
    ///     fourteen columns named as `Pathologies.names` are taken where the table has them all (the tables of CheXpert and
    ///     MIMIC-CXR-JPG).
    ///   - id: the column that names a row.
    ///   - patient: the column that names the patient; without it, the first of `defaultPatientColumns` that is there.
    ///   - limits: the limits of the file.
    /// - Throws: `FileError` with row, line and byte for a bad file; `DatasetError.column` for a column that is not there.
    public static func csv(
        path: String, imageDirectory: String? = nil, image: String? = nil, prompt: String? = nil,
        labels: String? = nil, id: String? = nil, patient: String? = nil, limits: CSVLimits = .standard
    ) throws -> Dataset {
        try Dataset(
            opened: CSVReader.read(path, limits: limits, check: Cancellation.check), imageDirectory: imageDirectory,
            image: image, prompt: prompt,
            labels: labels, id: id, patient: patient)
    }

    /// Opens a JSON file that holds a list of objects, or has one object a line: the annotation files of LLaVA-Rad.
    ///
    /// Columns are the keys in the order of their first appearance; a missing key or `null` is a null; numbers, lists and
    /// objects become their JSON text. The other parameters are those of `csv`.
    /// - Throws: `FileError` with the row for a bad file; `DatasetError.column` for a column that is not there.
    public static func json(
        path: String, imageDirectory: String? = nil, image: String? = nil, prompt: String? = nil,
        labels: String? = nil, id: String? = nil, patient: String? = nil, limits: CSVLimits = .standard
    ) throws -> Dataset {
        try Dataset(
            opened: JSONTableReader.read(path, limits: limits), imageDirectory: imageDirectory, image: image,
            prompt: prompt, labels: labels, id: id, patient: patient)
    }

    /// A dataset of texts in memory; nil is a null. The other parameters are those of `csv`.
    /// - Throws: `DatasetError` for unnamed or repeated columns, or rows of another length.
    public static func table(
        name: String, columns: [String], rows: [[String?]], imageDirectory: String? = nil, image: String? = nil,
        prompt: String? = nil, labels: String? = nil, id: String? = nil, patient: String? = nil
    ) throws -> Dataset {
        guard !columns.isEmpty, !columns.contains(""), Set(columns.map { TextKey($0) }).count == columns.count else {
            throw DatasetError.column(table: name, message: "columns need names, each another one")
        }
        guard rows.count <= CSVLimits.hard.rows else {
            throw DatasetError.value(
                operation: "table", message: "\(rows.count) rows are more than the limit of \(CSVLimits.hard.rows)")
        }
        var builder = TextTableBuilder(columns: columns)
        for (index, row) in rows.enumerated() {
            guard row.count == columns.count else {
                throw DatasetError.row(
                    table: name, row: index + 1, message: "\(row.count) cells for \(columns.count) columns")
            }
            for cell in row { try builder.append(cell, name: name, row: index + 1) }
        }
        return try Dataset(
            opened: builder.table(name: name), imageDirectory: imageDirectory, image: image, prompt: prompt,
            labels: labels, id: id, patient: patient)
    }

    /// What the column of label dictionaries is usually called: the fourteen columns of CheXpert stand in its place.
    public static let usualLabelColumn = "chexpert_labels"

    /// Columns that are taken for the patient's name where none is named.
    public static let defaultPatientColumns = ["patientID", "patient_id", "PatientID", "subject_id"]

    convenience init(
        opened table: TextTable, imageDirectory: String?, image: String?, prompt: String?, labels: String?,
        id: String?, patient: String?
    ) throws {
        func reference(_ role: String, _ name: String?) throws -> ColumnReference? {
            guard let name else { return nil }
            guard let position = table.position(of: name) else {
                var message = Dataset.missing(name, among: table.columns)
                if role == "labels", LabelColumn(columnsOf: table) != nil {
                    message += "; it has the fourteen columns of CheXpert instead, which labels: \"\" reads"
                }
                throw DatasetError.role(role, table: table.name, message: message)
            }
            return ColumnReference(table: table, position: position)
        }
        let directory =
            imageDirectory ?? (table.isFile ? Paths.dirname(table.name) : "")
        var roles = Roles(imageDirectory: directory)
        roles.image = try reference("image", image)
        roles.prompt = try reference("prompt", prompt)
        roles.id = try reference("id", id)
        roles.patient = try reference(
            "patient", patient ?? Dataset.defaultPatientColumns.first { table.position(of: $0) != nil })
        let fourteen = LabelColumn(columnsOf: table)
        let isUsual = labels == Dataset.usualLabelColumn && table.position(of: Dataset.usualLabelColumn) == nil
        if let labels = try reference("labels", isUsual && fourteen != nil ? nil : labels) {
            roles.labels = LabelColumn(table: table, position: labels.position)
        } else {
            roles.labels = fourteen
        }
        let references = table.columns.indices.map { ColumnReference(table: table, position: $0) }
        self.init(
            columns: table.columns, parts: [Part(table: table, columns: references, roles: roles)],
            rows: (0..<table.rowCount).map { RowID(part: 0, row: $0) }, history: [])
    }
}
