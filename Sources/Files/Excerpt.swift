/// A text on one line, without what would steer a terminal: such characters are spaces.
public func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: return " "
                default: return scalar
                }
            }))
}

/// A text as messages quote it: on one line, cut after 60 characters.
public func excerpt(_ text: String) -> String {
    let head = text.unicodeScalars.prefix(60).map { scalar -> String in
        scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return "\"" + head.joined() + (text.unicodeScalars.count > 60 ? "…" : "") + "\""
}
