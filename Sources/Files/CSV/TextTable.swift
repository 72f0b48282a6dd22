import Foundation

/// Where a cell's text lies among the bytes of its table, and how it is written there, in 64 bits.
public struct CellRange {
    /// How a cell's text is written.
    public enum Kind: UInt64 {
        /// The bytes are the text; a null spelling is a null.
        case plain
        /// The bytes are the text with each quote doubled.
        case doubledQuotes
        /// The bytes are the text, whatever they spell: strings of JSON files.
        case literal
        /// There is no text.
        case null
    }

    private let bits: UInt64

    /// The longest cell and the last byte that the fields can hold.
    public static let maximumLength = 1 << 22 - 1
    static let maximumStart = 1 << 40 - 1

    /// `start` and `length` are within the maxima: the readers check.
    init(start: Int, length: Int, kind: Kind) {
        bits = UInt64(truncatingIfNeeded: start) << 24 | UInt64(truncatingIfNeeded: length) << 2 | kind.rawValue
    }

    /// A cell without a text.
    static let null = CellRange(start: 0, length: 0, kind: .null)

    var start: Int { Int(bits >> 24) }
    var length: Int { Int(bits >> 2 & 0x3F_FFFF) }
    var kind: Kind { Kind(rawValue: bits & 3) ?? .null }
}

/// An immutable table of texts: all cells point into one run of bytes, so that a cell costs eight bytes.
public final class TextTable {
    /// The file's path, or a name for a table that was made in memory.
    public let name: String
    /// Whether `name` is the path of a file that was read.
    public let isFile: Bool
    /// The names of the columns, in order.
    public let columns: [String]
    /// How many rows there are, the header not counted.
    public let rowCount: Int
    /// What the reader passed over.
    public let passedOver: PassedOver
    private let content: TextBytes
    private let cells: [CellRange]
    private let positions: [TextKey: Int]
    private let lock = NSLock()
    private var hash: String?

    /// What of a file is no part of its table.
    public struct PassedOver: Equatable, Sendable {
        /// Lines without any text.
        public var blankLines = 0
        /// Columns without a name and without any text.
        public var emptyColumns = 0

        /// Nothing.
        public init() {}

        /// In words: `2 blank lines, 1 empty column`; empty where nothing was.
        public var summary: String {
            func words(_ count: Int, _ what: String) -> String? {
                count == 0 ? nil : "\(count) \(what)\(count == 1 ? "" : "s")"
            }
            return [words(blankLines, "blank line"), words(emptyColumns, "empty column")].compactMap { $0 }
                .joined(separator: ", ")
        }
    }

    /// `cells` holds `columns.count` cells a row, all of them inside `content`. `sha256` is the hash of the source where
    /// `content` is not the source itself.
    init(
        name: String, isFile: Bool, columns: [String], content: TextBytes, cells: [CellRange], sha256: String? = nil,
        passedOver: PassedOver = PassedOver()
    ) {
        hash = sha256
        self.passedOver = passedOver
        self.name = name
        self.isFile = isFile
        self.columns = columns
        self.content = content
        self.cells = cells
        rowCount = columns.isEmpty ? 0 : cells.count / columns.count
        positions = Dictionary(
            columns.enumerated().map { (TextKey($1), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The position of a column, or nil where there is none of that name.
    public func position(of column: String) -> Int? { positions[TextKey(column)] }

    /// The bytes of a cell as they stand in the table, with quotes still doubled, and their kind.
    public func raw(_ row: Int, _ column: Int) -> (bytes: UnsafeRawBufferPointer, kind: CellRange.Kind) {
        let cell = cells[row * columns.count + column]
        return (UnsafeRawBufferPointer(rebasing: content.bytes[cell.start..<cell.start + cell.length]), cell.kind)
    }

    /// The text of a cell; empty for a null that has no text.
    public func text(_ row: Int, _ column: Int) -> String {
        let (bytes, kind) = raw(row, column)
        if kind != .doubledQuotes { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: TextTable.undoubled(bytes), as: UTF8.self)
    }

    /// Whether a cell is a missing value as pandas sees it.
    public func isNull(_ row: Int, _ column: Int) -> Bool {
        let (bytes, kind) = raw(row, column)
        switch kind {
        case .plain: return NullSpellings.contains(bytes)
        case .null: return true
        case .doubledQuotes, .literal: return false
        }
    }

    /// The bytes with one quote for each two.
    public static func undoubled(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        guard let base = bytes.baseAddress else { return [] }
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { result, count in
            guard let start = result.baseAddress else { return }
            var index = 0
            while index < bytes.count {
                let rest = bytes.count - index
                let quote = memchr(base + index, Int32(UInt8(ascii: "\"")), rest)
                let length = quote.map { (base + index).distance(to: UnsafeRawPointer($0)) + 1 } ?? rest
                memcpy(start + count, base + index, length)
                count += length
                index += quote == nil ? length : length + 1
            }
        }
    }

    /// Checks that the file under a large table was not changed.
    /// - Throws: `FileError.unreadable`.
    public func checkUnchanged() throws { try content.checkUnchanged() }

    /// The SHA-256 of the file, or of the columns and cells of a table made in memory; computed once.
    /// - Throws: `FileError.unreadable` where the file changed.
    public func sha256() throws -> String {
        lock.lock()
        defer { lock.unlock() }
        if let hash { return hash }
        let computed = try content.sha256()
        hash = computed
        return computed
    }
}

/// Collects rows into a table that is made in memory.
public struct TextTableBuilder {
    /// The names of the columns, in order.
    public let columns: [String]
    private var bytes: [UInt8] = []
    private var cells: [CellRange] = []

    /// No row yet.
    public init(columns: [String]) { self.columns = columns }

    /// Adds the next cell of the current row; nil is a null. `name` and `row` are for the error.
    /// - Throws: `FileError.malformed` for a text that is too long.
    public mutating func append(_ text: String?, name: String, row: Int) throws {
        guard let text else {
            cells.append(.null)
            return
        }
        let length = text.utf8.count
        guard length <= CellRange.maximumLength, bytes.count <= CellRange.maximumStart - length else {
            throw FileError.malformed(
                path: name, location: "row \(row)",
                reason: "a text of \(length) bytes is more than the limit of \(CellRange.maximumLength)")
        }
        cells.append(CellRange(start: bytes.count, length: length, kind: .literal))
        bytes.append(contentsOf: text.utf8)
    }

    /// The table. `sha256` is the hash of the file that it was read from; without it the table was made in memory.
    public func table(name: String, sha256: String? = nil) -> TextTable {
        TextTable(
            name: name, isFile: sha256 != nil, columns: columns,
            content: bytes.withUnsafeBytes { TextBytes(copying: $0) }, cells: cells, sha256: sha256 ?? contentHash())
    }

    private func contentHash() -> String {
        var hash = SHA256()
        for column in columns {
            hash.update(column)
            hash.update(",")
        }
        hash.update("\n")
        cells.withUnsafeBytes { hash.update($0) }
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.hex()
    }
}
