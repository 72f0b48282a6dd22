/// A text as messages quote it: on one line, cut after 60 characters.
public func excerpt(_ text: String) -> String {
    let head = text.unicodeScalars.prefix(60).map { scalar -> String in
        scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return "\"" + head.joined() + (text.unicodeScalars.count > 60 ? "…" : "") + "\""
}
