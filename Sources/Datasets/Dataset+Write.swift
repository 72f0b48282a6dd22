import Files
import Tensors

extension Dataset {
    /// Writes the rows as a CSV file, whole or not at all; see `NullStyle`. `Dataset.csv` reads back the same texts.
    /// - Throws: `FileError.unwritable`; `FileError.unreadable` where a file that the rows lie in was changed.
    public func write(_ path: String, nulls: NullStyle = .kept) throws {
        try checkUnchanged()
        try AtomicFile.write(path) { file in
            var writer = CSVWriter()
            writer.appendRow(columns)
            try writer.flush(to: file)
            for (index, id) in rows.enumerated() {
                if index % 4096 == 0 { try Cancellation.check() }
                for reference in parts[Int(id.part)].columns {
                    let row = Int(id.row)
                    if nulls == .empty, reference.isNull(row) {
                        writer.appendEmpty()
                    } else {
                        let (bytes, kind) = reference.table.raw(row, reference.position)
                        writer.append(bytes, kind)
                    }
                }
                writer.endRow()
                try writer.flush(to: file)
            }
            try checkUnchanged()
        }
    }
}
