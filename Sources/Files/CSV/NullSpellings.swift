/// The texts that pandas 2.2 reads as a missing value by default (`pandas._libs.parsers.STR_NA_VALUES`), quoted or not.
public enum NullSpellings {
    /// All of them; letter case and spaces count.
    public static let texts = [
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null",
    ]

    /// Whether pandas takes the text for a missing value.
    public static func contains(_ text: String) -> Bool { matches(Array(text.utf8)[...]) }

    private static let longest = texts.reduce(0) { max($0, $1.utf8.count) }
    private static let known = Set(texts.map { Array($0.utf8)[...] })

    private static func matches(_ bytes: ArraySlice<UInt8>) -> Bool { known.contains(bytes) }

    /// Whether pandas takes the bytes of a text for a missing value.
    public static func contains(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.count == 0 { return true }
        if bytes.count > longest { return false }
        // Most short cells begin with other characters.
        switch bytes[0] {
        case UInt8(ascii: "#"), UInt8(ascii: "-"), UInt8(ascii: "1"), UInt8(ascii: "<"), UInt8(ascii: "N"),
            UInt8(ascii: "n"):
            return matches(Array(bytes)[...])
        default: return false
        }
    }
}
