import Runs

/// `chexgen diff`: prints in what two runs differ. Status 0 whether they differ or not.
enum DiffCommand {
    static func run(_ words: [String]) throws -> Int32 {
        let given = try CommandLineOptions(words, options: [])
        guard given.positional.count == 2 else { throw UsageError("chexgen diff wants two run folders") }
        let lines = try RunDiff.compare(given.positional[0], given.positional[1])
        print(lines.isEmpty ? "no difference" : lines.joined(separator: "\n"))
        return ExitStatus.done.rawValue
    }
}
