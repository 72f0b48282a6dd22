import Files
import Foundation

/// A table that a command prints: for people, fitted to their terminal, or for programs.
struct Listing {
    /// How it is printed, by the words of `--format`.
    static let formats = ["text", "csv", "json"]
    static let format = CommandLineOptions.Option(
        "format", "text|csv|json", .choice(formats), "how it is printed (default: text, fitted to the terminal)")

    let columns: [String]
    var rows: [[JSON]]
    /// The most letters of a value that are shown, but for the last column's.
    var most = 48

    /// Prints it.
    func print(_ format: String) {
        switch format {
        case "csv":
            var lines = CSVWriter()
            lines.appendRow(columns)
            for row in rows {
                for value in row { lines.append(value) }
                lines.endRow()
            }
            Swift.print(lines.text, terminator: "")
        case "json":
            let objects = rows.map { row in JSON.object(zip(columns, row).map { (key: $0, value: $1) }) }
            Swift.print(JSON.array(objects).text(pretty: true))
        default: Swift.print(text(width: Terminal.width))
        }
    }

    /// The table in lines of a width: columns without a value are left out, long values are cut, and the last column goes on below
    /// itself.
    func text(width: Int) -> String {
        let cells = rows.map { $0.map(Listing.cell) }
        let shown = columns.indices.filter { column in cells.contains { !$0[column].isEmpty } }
        guard let last = shown.last else { return "" }
        let widths = shown.map { column in
            min(column == last ? .max : most, max(columns[column].count, cells.map { $0[column].count }.max() ?? 0))
        }
        let indent = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        return ([columns] + cells).map { row in
            let left = zip(shown, widths).dropLast().map { Listing.padded(Listing.cut(row[$0], $1), $1) + "  " }
                .joined()
            let lines = Listing.wrapped(row[last], width: max(24, width - indent))
            return Listing.trimmed(left + lines.joined(separator: "\n" + String(repeating: " ", count: indent)))
        }.joined(separator: "\n")
    }

    /// A text, or nothing where it is empty.
    static func filled(_ text: String) -> JSON { text.isEmpty ? .null : .string(text) }

    /// A value as people read it, in one line and without what would steer their terminal.
    static func cell(_ value: JSON) -> String {
        switch value {
        case .null: return ""
        case .string(let text): return printable(text)
        default: return printable(value.summary)
        }
    }

    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func cut(_ text: String, _ width: Int) -> String {
        text.count <= width ? text : text.prefix(max(1, width - 1)) + "…"
    }

    static func trimmed(_ text: String) -> String {
        var text = text
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }

    /// A text in lines of a width; a word that is longer has a line of its own.
    static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }
}

/// The terminal that standard output is.
enum Terminal {
    /// Its columns; 100 where it is none.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return max(40, Int(size.ws_col))
    }
}
