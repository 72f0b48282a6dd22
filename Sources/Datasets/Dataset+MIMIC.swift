import Files
import Tensors

/// Whose labels of MIMIC-CXR-JPG's studies are taken.
public enum MIMICLabels: String, CaseIterable, Sendable {
    case chexpert
    case negbio
    /// No labels.
    case none
}

/// The tables of MIMIC-CXR-JPG as they lie in its folder, plain or compressed by gzip.
public struct MIMICTables {
    /// The folder, which holds `files/`.
    public let folder: String
    /// A row an image.
    public let metadata: String
    /// A row an image; nil where it is not there.
    public let split: String?
    /// A row a study; nil where no labels are asked for.
    public let labels: String?

    /// The files that are read.
    public var files: [String] { [metadata] + [split, labels].compactMap { $0 } }

    /// Looks for the tables of a folder.
    /// - Throws: `FileError.missing` that names what is not there; the split may be missing unless it is needed.
    public init(folder: String, labels: MIMICLabels, needsSplit: Bool) throws {
        func find(_ name: String) -> String? {
            [".csv", ".csv.gz"].lazy.map { Paths.joined(folder, "mimic-cxr-2.0.0-\(name)\($0)") }
                .first { (try? FileIdentity(of: $0)) != nil }
        }
        func needed(_ name: String) throws -> String {
            if let found = find(name) { return found }
            throw FileError.missing(
                path: Paths.joined(folder, "mimic-cxr-2.0.0-\(name).csv.gz"),
                hint: "the folder of MIMIC-CXR-JPG holds it, plain or compressed, beside files/")
        }
        guard Folders.isFolder(folder) else { throw FileError.missing(path: folder, hint: "a folder is wanted") }
        self.folder = folder
        metadata = try needed("metadata")
        split = try needsSplit ? needed("split") : find("split")
        self.labels = labels == .none ? nil : try needed(labels.rawValue)
    }
}

/// The joined tables of MIMIC-CXR-JPG, and what became of their rows.
public struct MIMICJoin {
    /// A row an image that is left.
    public let dataset: Dataset
    /// How many images the metadata have.
    public let images: Int
    /// Images that were left out, by the first reason that applies: `no_split` (the table of splits lacks it), `split`, `view`
    /// (another one than is asked for), `no_labels` (the table of labels lacks its study).
    public let lost: [(reason: String, count: Int)]
    /// How many rows of the table of splits have no image among the metadata.
    public let unknown: Int
}

extension Dataset {
    /// The parts that the table of splits knows.
    public static let mimicSplits = ["train", "validate", "test"]

    /// Joins the tables of MIMIC-CXR-JPG: the split by `dicom_id`, labels by `subject_id` and `study_id`.
    ///
    /// Columns: `dicom_id`, `subject_id`, `study_id`, `path` (`files/p10/p10000032/s50414267/….jpg`), `split` where that table is
    /// there, the other ones of the metadata, the fourteen labels. A blank label is not mentioned, as in the files.
    /// - Parameters:
    ///   - splits: the parts that are kept; all where empty.
    ///   - views: the values of `ViewPosition` that are kept; all where empty.
    /// - Throws: `FileError` for a bad file; `DatasetError` for a column that is not there, an identifier that is none or stands
    ///   twice, tables that contradict each other, a part that is none, and where no image is left.
    public static func mimicCXR(
        _ tables: MIMICTables, splits: [String] = [], views: [String] = []
    ) throws -> MIMICJoin {
        for split in splits where !mimicSplits.contains(split) {
            let near = suggestion(split, mimicSplits)
            throw DatasetError.value(
                operation: "split",
                message: "no part \(excerpt(split))\(near.isEmpty ? ";" : near) the parts are "
                    + mimicSplits.joined(separator: ", "))
        }
        var joiner = try MIMICJoiner(tables, splits: splits, views: views)
        for row in 0..<joiner.images {
            if row % 16_384 == 0 { try Cancellation.check() }
            try joiner.take(row)
        }
        let table = try joiner.finished(name: tables.folder)
        let dataset = try Dataset(
            opened: table, imageDirectory: tables.folder, image: "path", prompt: nil, labels: nil, id: "dicom_id",
            patient: "subject_id")
        return MIMICJoin(dataset: dataset, images: joiner.images, lost: joiner.lost, unknown: joiner.unknown)
    }
}

/// Goes over the images of the metadata and collects those that are left.
private struct MIMICJoiner {
    private let metadata: MIMICSource
    private let parts: MIMICSource?
    private let labels: MIMICSource?
    private let splits: [String]
    private let views: [String]
    /// Columns of the metadata, of the labels.
    private let view: Int?
    private let further: [Int]
    private let states: [Int]
    private var builder: TextTableBuilder
    private var kept = 0
    private var matched = 0
    private var seenViews: [String: Int] = [:]
    private(set) var lost = ["no_split", "split", "view", "no_labels"].map { (reason: $0, count: 0) }

    /// How many images there are.
    var images: Int { metadata.table.rowCount }
    /// How many rows of the table of splits belong to no image.
    var unknown: Int { parts.map { $0.table.rowCount - matched } ?? 0 }

    init(_ tables: MIMICTables, splits: [String], views: [String]) throws {
        (self.splits, self.views) = (splits, views)
        metadata = try MIMICSource(tables.metadata, of: .images, columns: [])
        parts = try tables.split.map { try MIMICSource($0, of: .images, columns: ["split"]) }
        labels = try tables.labels.map { try MIMICSource($0, of: .studies, columns: Pathologies.names) }
        states = labels?.columns ?? []
        view = try views.isEmpty ? nil : metadata.column("ViewPosition")
        let first = ["dicom_id", "subject_id", "study_id", "path"] + (parts == nil ? [] : ["split"])
        let last = labels == nil ? [] : Pathologies.names
        let names = metadata.table.columns
        further = names.indices.filter { !(first + last).contains(names[$0]) }
        builder = TextTableBuilder(columns: first + further.map { names[$0] } + last)
    }

    private mutating func lose(_ reason: String) {
        if let index = lost.firstIndex(where: { $0.reason == reason }) { lost[index].count += 1 }
    }

    /// Takes an image, or counts why not.
    mutating func take(_ row: Int) throws {
        let path = try metadata.path(row)
        var part: String?
        if let parts {
            if let other = parts.row(of: metadata.key(row)) {
                matched += 1
                guard parts.study(other) == metadata.study(row) else {
                    throw DatasetError.row(
                        table: parts.table.name, row: other + 1,
                        message: "its subject_id and study_id are not those of row \(row + 1) of \(metadata.table.name)"
                    )
                }
                part = parts.cell(other, parts.columns[0])
                if !splits.isEmpty, !splits.contains(part ?? "") { return lose("split") }
            } else if !splits.isEmpty {
                return lose("no_split")
            }
        }
        if let view {
            let own = metadata.cell(row, view) ?? ""
            seenViews[own, default: 0] += 1
            guard views.contains(own) else { return lose("view") }
        }
        var cells: [String?] = [metadata.key(row)] + metadata.names(row) + [path]
        if parts != nil { cells.append(part) }
        cells += further.map { metadata.cell(row, $0) }
        if let labels {
            guard let other = labels.row(of: metadata.study(row)) else { return lose("no_labels") }
            cells += states.map { labels.cell(other, $0) }
        }
        for cell in cells { try builder.append(cell, name: metadata.table.name, row: row + 1) }
        kept += 1
    }

    /// The table of the images that are left.
    func finished(name: String) throws -> TextTable {
        if kept > 0 { return builder.table(name: name) }
        let reasons = lost.filter { $0.count > 0 }.map { "\($0.count) by \($0.reason)" }.joined(separator: ", ")
        let there = seenViews.sorted { $0.key < $1.key }.map { "\($0.key.isEmpty ? "none" : $0.key) \($0.value)" }
        throw DatasetError.value(
            operation: name,
            message: "no image is left of \(images)" + (reasons.isEmpty ? "" : ": \(reasons)")
                + (there.isEmpty ? "" : "; their views are \(there.joined(separator: ", "))"))
    }
}

/// One of the tables, with its rows by their key.
private struct MIMICSource {
    enum Kind {
        /// A row a `dicom_id`.
        case images
        /// A row a study: `subject_id` and `study_id`.
        case studies
    }

    let table: TextTable
    /// The positions of the columns that were asked for.
    private(set) var columns: [Int] = []
    private var identifiers: [Int] = []
    private var image: Int?
    private var rows: [TextKey: Int] = [:]

    /// Reads a table; the columns must be there.
    init(_ path: String, of kind: Kind, columns names: [String]) throws {
        table = try CSVReader.read(path, check: Cancellation.check)
        columns = try names.map { try column($0) }
        identifiers = [try column("subject_id"), try column("study_id")]
        if kind == .images { image = try column("dicom_id") }
        rows.reserveCapacity(table.rowCount)
        for row in 0..<table.rowCount {
            if row % 16_384 == 0 { try Cancellation.check() }
            let key = kind == .images ? key(row) : study(row)
            if let first = rows.updateValue(row, forKey: TextKey(key)) {
                let what = kind == .images ? "the dicom_id" : "the study"
                throw DatasetError.row(
                    table: path, row: row + 1, message: "\(what) \(excerpt(key)) stands in row \(first + 1), too")
            }
        }
    }

    func column(_ name: String) throws -> Int {
        if let position = table.position(of: name) { return position }
        throw DatasetError.column(table: table.name, message: Dataset.missing(name, among: table.columns))
    }

    func row(of key: String) -> Int? { rows[TextKey(key)] }
    func cell(_ row: Int, _ column: Int) -> String? { table.isNull(row, column) ? nil : table.text(row, column) }
    func key(_ row: Int) -> String { image.map { table.text(row, $0) } ?? "" }
    /// Its patient and its study.
    func names(_ row: Int) -> [String] { identifiers.map { table.text(row, $0) } }
    func study(_ row: Int) -> String { names(row).joined(separator: "/") }

    /// The path of an image below the folder.
    /// - Throws: `DatasetError.row` where a part of it is no such name.
    func path(_ row: Int) throws -> String {
        let names = names(row)
        for (name, what) in zip(names, ["subject_id", "study_id"]) {
            guard name.utf8.count == 8, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw DatasetError.row(
                    table: table.name, row: row + 1, message: "\(what) \(excerpt(name)) is not of eight digits")
            }
        }
        let image = key(row)
        let isName = image.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "-")
        }
        guard !image.isEmpty, image.utf8.count <= 200, isName else {
            throw DatasetError.row(
                table: table.name, row: row + 1,
                message: "dicom_id \(excerpt(image)) is not of letters, digits and hyphens")
        }
        return "files/p\(names[0].prefix(2))/p\(names[0])/s\(names[1])/\(image).jpg"
    }
}
