import Files
import Foundation

/// What a page may say. A private one says nothing by which a film, a patient, a caption or a place on the disk is known: of
/// texts it shows only words that the program or the experiment made, by their looks.
struct Discretion {
    let isPrivate: Bool
    /// The last words of parameters that are places on a disk, beside those that experiments share.
    var places: Set<String> = []

    /// What stands in place of a text that is left out.
    static let leftOut = "(left out)"

    /// Columns whose texts are those of experiments: names of models, findings, networks.
    private static let open: Set<String> = [
        "pathology", "class", "subgroup", "setting", "network", "protocol", "extra info", "caption type", "scheduler",
    ]

    /// Whether a column may be shown.
    func shows(column: String) -> Bool {
        guard isPrivate else { return true }
        let words = column.lowercased().split { !$0.isLetter }
        let telling: Set<Substring> = [
            "id", "ids", "patient", "patientid", "patients", "subject", "study", "dicom", "path", "paths", "file",
            "filename",
            "image", "img", "film", "prompt", "caption", "report", "text", "note", "message", "name", "savename",
            "reason",
        ]
        // Counts of a program's own, such as `Shared patients`, end up here, too: better too little than too much.
        if Discretion.open.contains(column.lowercased()) { return true }
        let last = ResultTable.shortPath(column).lowercased()
        return !words.contains { telling.contains($0) } && (last == "model" || !isPlace(last))
    }

    /// Those that experiments share.
    private static let shared: Set<String> = [
        "csv", "weights", "path", "folder", "results", "lora", "file", "tokenizer", "radiomics", "modules", "model",
        "place", "out", "dir",
    ]

    private func isPlace(_ name: String) -> Bool {
        Discretion.shared.contains(name) || places.contains(name) || name.hasSuffix("_dir") || name.hasSuffix("_path")
    }

    /// A parameter as it may be shown; `path` is its name with those above it.
    func parameter(_ path: String, _ value: JSON) -> String {
        let last =
            path.split { $0 == "." || $0 == "[" }.last { $0.first?.isNumber == false }.map { $0.lowercased() } ?? ""
        if isPrivate, isPlace(last), value.integer == nil, value.boolean == nil { return Discretion.leftOut }
        return self.value(value)
    }

    /// A text of a column or a parameter as it may be shown.
    func text(_ text: String) -> String { isPrivate && !Discretion.isHarmless(text) ? Discretion.leftOut : text }

    /// A value as it may be shown.
    func value(_ value: JSON) -> String {
        switch value {
        case .string(let text): return self.text(text)
        // A number of many digits may be that of a patient or a study.
        case .integer(let number) where isPrivate && number.magnitude >= 10_000: return Discretion.leftOut
        case .array(let elements):
            return elements.prefix(20).map(self.value).joined(separator: ", ") + (elements.count > 20 ? ", …" : "")
        default: return value.summary
        }
    }

    /// Whether a text is a few plain words: no path, no sentence, no number that could name somebody.
    static func isHarmless(_ text: String) -> Bool {
        if text.isEmpty { return true }
        guard text.count <= 40, text.split(separator: " ").count <= 4 else { return false }
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value)
                || "_-+. =<>()".unicodeScalars.contains(scalar)
        }
        guard isPlain else { return false }
        var digits = 0
        for character in text {
            digits = character.isNumber ? digits + 1 : 0
            if digits >= 5 { return false }
        }
        let ending = Paths.ending(text)
        return !(2...11).contains(ending.count) || ending.allSatisfy(\.isNumber)
    }
}
