import Foundation

/// Texts and numbers as gnuplot reads them.
package enum ScriptText {
    /// A text in double quotes. All bytes but letters and blanks are octal numbers, so that nothing in it can end the text,
    /// start a command, a substitution or a format, or mean anything else to gnuplot; nor can a digit lengthen a number.
    /// Control characters other than the end of a line become blanks.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: " "):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "\n"): result += "\\n"
            case 0..<32, 127: result += " "
            default: result += "\\" + octal(byte)
            }
        }
        return result + "\""
    }

    /// The label of a tic, which gnuplot takes for a format: each `%` stands twice. gnuplot draws no empty one, so that a
    /// blank stands for it.
    package static func tic(_ text: String) -> String {
        quoted(text.isEmpty ? " " : text.replacingOccurrences(of: "%", with: "%%"))
    }

    /// A number; what is not finite is a gap.
    package static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "NaN" }

    /// A block of numbers under a name, a line a point.
    package static func block(_ name: String, _ lines: [[Double]]) -> String {
        var text = "$\(name) << EOD\n"
        for line in lines { text += line.map(number).joined(separator: " ") + "\n" }
        return text + "EOD\n"
    }

    private static func octal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 8)
        return String(repeating: "0", count: 3 - digits.count) + digits
    }
}
