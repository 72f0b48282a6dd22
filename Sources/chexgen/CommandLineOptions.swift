import Files

/// What is wrong with the command line; the program ends with status 2.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The words of a command line, taken apart: options with their values, and what is left.
struct CommandLineOptions {
    /// An option that a command takes.
    struct Option {
        let name: String
        /// What the value is called in the help; nil for a switch.
        let value: String?
        /// What the value stands for.
        let kind: WordKind
        let text: String

        /// An option with a value.
        init(_ name: String, _ value: String, _ kind: WordKind, _ text: String) {
            (self.name, self.value, self.kind, self.text) = (name, value, kind, text)
        }

        /// A switch.
        init(_ name: String, _ text: String) {
            (self.name, value, kind, self.text) = (name, nil, .free, text)
        }

        /// The option as the help has it.
        var usage: String { "--\(name)" + (value.map { " \($0)" } ?? "") }

        /// Every command's.
        static let help = Option("help", "tell what the command does")
    }

    private(set) var positional: [String] = []
    private var values: [String: [String]] = [:]

    /// Takes words apart. `--name=value` and `--name value` are the same; after `--` nothing is an option.
    /// - Parameter command: the command that takes them.
    /// - Throws: `UsageError` for an unknown option, with the nearest known one, and for a value that is missing.
    init(_ words: [String], of command: String, options: [Option]) throws {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                positional += rest
                return
            }
            guard word.hasPrefix("--") else {
                positional.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            guard let option = options.first(where: { $0.name == name }) else {
                let hint =
                    nearest(name, among: options.map(\.name)).map { "; did you mean --\($0)?" }
                    ?? "; chexgen help \(command) lists the options"
                throw UsageError("unknown option --\(name)\(hint)")
            }
            if option.value == nil {
                guard parts.count == 1 else { throw UsageError("--\(name) takes no value") }
                values[name, default: []].append("")
            } else if parts.count == 2 {
                values[name, default: []].append(String(parts[1]))
            } else if let value = rest.popFirst() {
                values[name, default: []].append(value)
            } else {
                throw UsageError("--\(name) wants a value: --\(name) \(option.value ?? "")")
            }
        }
    }

    /// Whether a switch or an option was given.
    func has(_ name: String) -> Bool { values[name] != nil }

    /// Every value of an option, in order.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// The value of an option that may be given once.
    func one(_ name: String) throws -> String? {
        let given = all(name)
        guard given.count <= 1 else { throw UsageError("--\(name) was given \(given.count) times") }
        return given.first
    }

    /// One of some words; the first where the option was not given.
    func choice(_ name: String, of words: [String]) throws -> String {
        guard let word = try one(name) else { return words.first ?? "" }
        guard words.contains(word) else {
            let hint = nearest(word, among: words).map { "; did you mean \($0)?" } ?? ""
            throw UsageError("--\(name): wanted \(words.joined(separator: ", ")), got \"\(word)\"\(hint)")
        }
        return word
    }

    /// A positive integer.
    func integer(_ name: String) throws -> Int? {
        guard let text = try one(name) else { return nil }
        guard let number = Int(text), number > 0 else {
            throw UsageError("--\(name): wanted a positive integer, got \"\(text)\"")
        }
        return number
    }

    /// A positive number.
    func number(_ name: String) throws -> Double? {
        guard let text = try one(name) else { return nil }
        guard let number = Double(text), number > 0, number.isFinite else {
            throw UsageError("--\(name): wanted a positive number, got \"\(text)\"")
        }
        return number
    }
}
