import CSQLite
import Foundation

/// A thin layer over SQLite: statements are prepared once, errors are thrown with SQLite's words.
final class Database {
    struct Failure: Error, CustomStringConvertible {
        let code: Int32
        let description: String

        /// Whether the file itself is damaged, or is no database.
        var isDamage: Bool { code & 0xFF == SQLITE_CORRUPT || code & 0xFF == SQLITE_NOTADB }
    }

    private var connection: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]

    /// Opens a database for reading and writing; it is made where it is missing.
    init(_ path: String) throws {
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX
        let code = sqlite3_open_v2(path, &connection, flags, nil)
        guard code == SQLITE_OK else {
            let failure = self.failure(code)
            close()
            throw failure
        }
        sqlite3_extended_result_codes(connection, 1)
        sqlite3_busy_timeout(connection, 20_000)
    }

    deinit { close() }

    func close() {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        sqlite3_close_v2(connection)
        connection = nil
    }

    private func failure(_ code: Int32) -> Failure {
        Failure(code: code, description: connection.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory")
    }

    /// A value that is bound to a statement.
    enum Value {
        case integer(Int)
        case text(String)
        case blob(UnsafeRawBufferPointer)
    }

    /// Runs a statement; `row` is called for each row, with the statement.
    func run(_ sql: String, _ values: [Value] = [], row: (Row) throws -> Void = { _ in }) throws {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1), of: statement) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: try row(Row(statement: statement))
            case SQLITE_DONE: return
            case let code: throw failure(code)
            }
        }
    }

    private func prepared(_ sql: String) throws -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        statements[sql] = statement
        return statement
    }

    private func bind(_ value: Value, at index: Int32, of statement: OpaquePointer) throws {
        // SQLite copies what is bound (SQLITE_TRANSIENT).
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code: Int32
        switch value {
        case .integer(let value): code = sqlite3_bind_int64(statement, index, Int64(value))
        case .text(let text): code = sqlite3_bind_text(statement, index, text, -1, transient)
        case .blob(let bytes):
            code = sqlite3_bind_blob64(statement, index, bytes.baseAddress, UInt64(bytes.count), transient)
        }
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// A row of a result.
    struct Row {
        fileprivate let statement: OpaquePointer

        func integer(_ column: Int32) -> Int { Int(sqlite3_column_int64(statement, column)) }

        /// A blob's bytes, valid until the next row.
        func blob(_ column: Int32) -> UnsafeRawBufferPointer {
            let base = sqlite3_column_blob(statement, column)
            return UnsafeRawBufferPointer(start: base, count: Int(sqlite3_column_bytes(statement, column)))
        }
    }

    /// Runs `body` in one transaction that takes the write lock at once.
    func transaction(_ body: () throws -> Void) throws {
        try run("BEGIN IMMEDIATE")
        do {
            try body()
            try run("COMMIT")
        } catch {
            try? run("ROLLBACK")
            throw error
        }
    }
}
