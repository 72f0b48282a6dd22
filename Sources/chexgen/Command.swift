import Runs

/// A command of the program. Its line on the command line is checked against it, and its help, its completion in shells and
/// its part of the manual page are made from it.
struct Command {
    /// The word that calls it.
    let name: String
    /// What it does, in a line.
    let about: String
    /// What stands behind it, in order.
    var arguments: [Argument] = []
    /// What changes what it does; `--help` is every command's.
    var options: [CommandLineOptions.Option] = []
    /// What a user has to know beside that, a paragraph an element.
    var text: [String] = []
    /// Lines that a user may type, and what each does.
    var examples: [(line: String, text: String)] = []
    /// How it may end.
    var exits: [ExitStatus] = [.done, .failed, .usage]
    /// Does it; returns the exit status.
    let run: (CommandLineOptions) throws -> ExitStatus

    /// A word that stands behind a command.
    struct Argument {
        let name: String
        let kind: WordKind
        var count = Count.one

        init(_ name: String, _ kind: WordKind, _ count: Count = .one) {
            self.name = name
            self.kind = kind
            self.count = count
        }

        /// How often it stands there.
        enum Count { case one, optional, any, some }

        /// The argument as usage lines have it.
        var usage: String {
            switch count {
            case .one: return name
            case .optional: return "[\(name)]"
            case .any: return "[\(name)…]"
            case .some: return "\(name)…"
            }
        }
    }

    /// The arguments as usage lines have them; empty where there are none.
    var usage: String { arguments.map(\.usage).joined(separator: " ") }

    /// Takes the words behind the command apart.
    /// - Throws: `UsageError` for what the command does not take.
    func parse(_ words: [String]) throws -> CommandLineOptions {
        let given = try CommandLineOptions(words, of: name, options: options + [CommandLineOptions.Option.help])
        guard !given.has("help") else { return given }
        let least = arguments.filter { [.one, .some].contains($0.count) }.count
        let isEndless = arguments.contains { [.any, .some].contains($0.count) }
        let count = given.positional.count
        guard count >= least else { throw UsageError("chexgen \(name) wants \(usage); see chexgen help \(name)") }
        guard isEndless || count <= arguments.count else {
            let rest = given.positional[arguments.count]
            throw UsageError(
                "chexgen \(name) takes \(usage.isEmpty ? "no file" : usage), and \"\(rest)\" is too much; "
                    + "see chexgen help \(name)")
        }
        return given
    }
}

/// What a word on the command line stands for: how shells complete it.
enum WordKind {
    /// Nothing that could be completed.
    case free
    /// A file with one of some endings; any file where there are none.
    case file([String])
    case folder
    /// A run folder.
    case run
    /// A script or a configuration, by its path or as a shipped experiment's name.
    case experiment
    case command
    case choice([String])
}
