import Files
import Foundation
import Tensors

/// Draws figures with gnuplot, a child process that gets the script on its standard input and gives the picture on its
/// standard output. No shell is involved, and gnuplot opens no file of the user's.
public struct Gnuplot: Sendable {
    /// The program: a path, or a name that is looked for in `PATH`.
    public var program = "gnuplot"
    /// Its arguments. Without the user's settings a picture depends on the figure only.
    package var arguments = ["--default-settings"]
    /// The seconds after which it is stopped.
    public var timeLimit = 60.0

    /// gnuplot as it is installed.
    public init() {}

    /// The bytes of the file that shows a figure; the same figure always gives the same bytes.
    /// - Throws: `PlotError`, or `TensorError.stopped` where a stop was requested.
    public func draw(_ figure: Figure, as format: Figure.Format) throws -> Data {
        let script = try GnuplotScript(figure, format: format).text
        let process = ChildProcess(program: try locate(), arguments: arguments, timeLimit: timeLimit)
        let picture = try process.run(input: Array(script.utf8))
        guard !picture.isEmpty else { throw PlotError.failed("it drew nothing") }
        return format == .pdf ? Gnuplot.undated(picture) : Data(picture)
    }

    /// Draws a figure into a file, whole or not at all; the path's ending names the format.
    /// - Throws: `PlotError`, `FileError.unwritable`, or `TensorError.stopped`.
    public func write(_ figure: Figure, to path: String) throws {
        let format = try Figure.Format(path: path)
        try AtomicFile.write(path, try draw(figure, as: format))
    }

    /// Where the program lies.
    /// - Throws: `PlotError.missingProgram`.
    public func locate() throws -> String {
        if program.contains("/") {
            guard access(program, X_OK) == 0 else { throw PlotError.missingProgram(program) }
            return program
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/local/bin", "/usr/bin", "/bin"]
        for folder in folders where folder.hasPrefix("/") {
            let candidate = "\(folder)/\(program)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw PlotError.missingProgram(program)
    }

    /// A PDF without the time at which it was made: its digits become those of one fixed day.
    static func undated(_ bytes: [UInt8]) -> Data {
        var data = Data(bytes)
        guard let key = data.range(of: Data("/CreationDate (D:".utf8), options: .backwards) else { return data }
        let fixed = Array("20000101000000".utf8)
        var place = key.upperBound
        for digit in fixed {
            guard place < data.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(data[place]) else { break }
            data[place] = digit
            place += 1
        }
        return data
    }
}
