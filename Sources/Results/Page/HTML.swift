/// HTML text. What is put into it as a `String` is escaped, whatever it holds; only literals and other `HTML` stand as they are.
struct HTML: ExpressibleByStringInterpolation, Equatable {
    private(set) var text: String

    init(stringLiteral text: String) { self.text = text }

    init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Parts one after the other.
    init(_ parts: some Sequence<HTML>) { text = parts.reduce(into: "") { $0 += $1.text } }

    /// A text as it must stand in an element or between the quotes of an attribute. Control characters, which HTML has no
    /// place for, and marks that change the direction of all that follows become the sign of a broken character.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\n", "\t": out.unicodeScalars.append(scalar)
            case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": out += "\u{FFFD}"
            default:
                let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                out.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
            }
        }
        return out
    }

    struct StringInterpolation: StringInterpolationProtocol {
        var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }
        mutating func appendInterpolation(_ value: HTML) { text += value.text }
        mutating func appendInterpolation(_ value: HTML?) { text += value?.text ?? "" }
        mutating func appendInterpolation(_ value: [HTML]) { for part in value { text += part.text } }
        mutating func appendInterpolation(_ value: Int) { text += String(value) }
        /// A coordinate, to a tenth of a pixel.
        mutating func appendInterpolation(_ value: Double) {
            let tenths = (value * 10).rounded()
            guard tenths.isFinite, abs(tenths) < 1e9 else {
                text += "0"
                return
            }
            let whole = Int(tenths)
            text += whole % 10 == 0 ? String(whole / 10) : String(Double(whole) / 10)
        }
    }

    static func += (left: inout HTML, right: HTML) { left.text += right.text }
}

extension Array where Element == HTML {
    /// The parts with something between them.
    func joined(_ separator: HTML) -> HTML {
        HTML(enumerated().flatMap { $0.offset == 0 ? [$0.element] : [separator, $0.element] })
    }
}
