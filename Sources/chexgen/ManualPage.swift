import Launcher
import Runs

/// The manual page `chexgen.1`, made from the commands' declarations.
enum ManualPage {
    static var text: String {
        var lines = [
            ".TH CHEXGEN 1 \"\" \"chexgen \(Doctor.version)\" \"User Commands\"",
            ".SH NAME", "chexgen \\- judge synthetic chest radiographs with Lua experiments",
            ".SH SYNOPSIS", ".B chexgen", ".I COMMAND", escaped("[OPTION …]"),
            ".SH DESCRIPTION",
            paragraph(
                "chexgen runs experiments, which are Lua scripts with a YAML file of their settings: fidelity, privacy and "
                    + "alignment of synthetic films, their generation, and classifiers trained on them. A run leaves a folder with "
                    + "its results and with run.yaml, which repeats it to the byte."),
            ".SH COMMANDS",
        ]
        for command in Command.all {
            lines += [
                ".SS " + escaped(Listing.trimmed("chexgen \(command.name) \(command.usage)")),
                paragraph(sentence(command.about)),
            ]
            for text in command.text { lines += [".PP", paragraph(text)] }
            for option in command.options {
                lines += [
                    ".TP",
                    "\\fB" + escaped("--\(option.name)") + "\\fR"
                        + (option.value.map { " \\fI\(escaped($0))\\fR" } ?? ""),
                ]
                lines.append(paragraph(option.text))
            }
            for (line, text) in command.examples { lines += [".TP", "\\fB" + escaped(line) + "\\fR", paragraph(text)] }
        }
        lines.append(".SH EXIT STATUS")
        for status in [ExitStatus.done, .failed, .usage, .pin, .interrupted] {
            lines += [".TP", "\\fB\(status.rawValue)\\fR", paragraph(status.text)]
        }
        lines.append(".SH ENVIRONMENT")
        for (name, text) in environment { lines += [".TP", "\\fB\(name)\\fR", paragraph(text)] }
        lines.append(".SH FILES")
        for (name, text) in files { lines += [".TP", "\\fI\(escaped(name))\\fR", paragraph(text)] }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let environment = [
        ("CHEXGEN_LUA", "the folder of the Lua library, where the program does not find it beside itself"),
        ("CHEXGEN_CACHE", "the folder where features are kept (default: ~/.cache/chexgen)"),
        ("CHEXGEN_MEMORY_LIMIT", "megabytes that a run may take, where neither --limit-memory nor its YAML says it"),
    ]

    private static let files = [
        ("runs/NAME/results.csv", "the results of a run, a row a measurement"),
        (
            "runs/NAME/run.yaml",
            "the run with all its settings and the SHA-256 of all that it read; chexgen run takes it"
        ),
        ("runs/NAME/run.log", "what was printed"),
        ("~/.cache/chexgen", "features of images, kept by the hash of what they were computed from"),
    ]

    /// A text in lines that are not too long for roff's tools, none of which is a request.
    private static func paragraph(_ text: String) -> String {
        Listing.wrapped(text, width: 70).map(escaped).joined(separator: "\n")
    }

    private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

    /// A text in roff: nothing in it is a request or an escape.
    private static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": out += "\\e"
            case "-": out += "\\-"
            case "'": out += "\\(aq"
            case "…": out += "..."
            default: out += scalar.isASCII ? String(scalar) : "\\[u" + hexadecimal(scalar) + "]"
            }
        }
        return out.hasPrefix(".") ? "\\&" + out : out
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
