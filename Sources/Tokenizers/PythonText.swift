/// What pipelines in Python do with a text before it is encoded.
public enum PythonText {
    /// `text.lower().strip()`.
    public static func loweredAndStripped(_ text: String) -> String {
        stripped(TextForms.lowercased(Array(text.unicodeScalars)))
    }

    /// `text.strip()`.
    public static func stripped(_ text: String) -> String { stripped(Array(text.unicodeScalars)) }

    private static func stripped(_ text: [Unicode.Scalar]) -> String {
        guard let first = text.firstIndex(where: { !CharacterClasses.isWhitespace($0) }),
            let last = text.lastIndex(where: { !CharacterClasses.isWhitespace($0) })
        else { return "" }
        return TextForms.string(Array(text[first...last]))
    }
}
