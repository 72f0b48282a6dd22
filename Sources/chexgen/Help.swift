import Runs

/// What `chexgen help` prints, made from the commands' declarations.
enum Help {
    private static let width = 100

    /// All commands, a line each.
    static var overview: String {
        let left = Command.all.map { ($0.name + " " + $0.usage).withoutBlank }
        return """
            chexgen: judge synthetic chest radiographs with Lua experiments

            usage: chexgen COMMAND [OPTION …]

            \(columns(zip(left, Command.all.map(\.about)).map { ($0, $1) }))

            chexgen help COMMAND tells its options, with examples.

            exit status:
            \(exits([.done, .failed, .usage, .pin, .interrupted]))
            """
    }

    /// One command.
    static func text(of command: Command) -> String {
        var parts = [
            "chexgen \(command.name): \(command.about)",
            "usage: " + "chexgen \(command.name) \(command.usage)".withoutBlank
                + (command.options.isEmpty ? "" : " [OPTION …]"),
        ]
        parts += command.text.map { wrapped($0, indent: "") }
        if !command.options.isEmpty {
            parts.append("options:\n" + columns(command.options.map { ($0.usage, $0.text) }))
        }
        if !command.examples.isEmpty {
            let lines = command.examples.map { "  \($0.line)\n" + wrapped($0.text, indent: "      ") }
            parts.append("examples:\n" + lines.joined(separator: "\n"))
        }
        parts.append("exit status:\n" + exits(command.exits))
        return parts.joined(separator: "\n\n")
    }

    private static func exits(_ all: [ExitStatus]) -> String {
        columns(all.map { (String($0.rawValue), $0.text) })
    }

    /// Two columns, the second of which goes on below itself.
    private static func columns(_ rows: [(String, String)]) -> String {
        let left = min(34, rows.map(\.0.count).max() ?? 0) + 2
        let indent = String(repeating: " ", count: left + 2)
        return rows.map { name, text in
            let below = wrapped(text, indent: indent)
            guard name.count + 2 <= left else { return "  \(name)\n\(below)" }
            return "  " + name + below.dropFirst(name.count + 2)
        }.joined(separator: "\n")
    }

    /// A paragraph in lines of the help's width.
    private static func wrapped(_ text: String, indent: String) -> String {
        Listing.wrapped(text, width: width - indent.count).map { indent + $0 }.joined(separator: "\n")
    }
}

extension String {
    /// Without a blank at the end.
    fileprivate var withoutBlank: String { hasSuffix(" ") ? String(dropLast()) : self }
}

extension ExitStatus {
    /// What the status says.
    var text: String {
        switch self {
        case .done: return "done"
        case .failed: return "the script or its input failed"
        case .usage: return "the command line, the YAML or an input that it names is wrong; nothing was started"
        case .pin: return "a pinned file or the program changed"
        case .interrupted: return "interrupted"
        }
    }
}

extension Command {
    /// `chexgen help`.
    static let help = Command(
        name: "help", about: "tell the commands, or the options of one",
        arguments: [.init("COMMAND", .command, .optional)],
        exits: [.done, .usage]
    ) { given in
        guard let name = given.positional.first else {
            print(Help.overview)
            return .done
        }
        print(Help.text(of: try Program.command(name)))
        return .done
    }
}
