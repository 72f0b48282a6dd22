/// What pipelines in Python do with a text before it is encoded.
public enum PythonText {
    /// `text.lower().strip()`.
    public static func loweredAndStripped(_ text: String) -> String {
        let lowered = TextForms.lowercased(Array(text.unicodeScalars))
        guard let first = lowered.firstIndex(where: { !CharacterClasses.isWhitespace($0) }),
            let last = lowered.lastIndex(where: { !CharacterClasses.isWhitespace($0) })
        else { return "" }
        return TextForms.string(Array(lowered[first...last]))
    }
}
