import Files

/// Who a patient is, however a table spells the name.
///
/// One patient of MIMIC-CXR is `p10000032` in the paths of the films, `10000032` in its tables, and `10000032.0` in a table that
/// pandas wrote after a row lost its patient. A comparison by text takes these for three people, and a split by patient then
/// puts one person on both sides.
public enum PatientName {
    /// The one spelling of a name: spaces around it go, whole numbers have neither leading zeros nor a fraction, and of
    /// MIMIC-CXR's `p` and eight digits the digits stay.
    public static func canonical(_ text: String) -> String {
        var bytes = Array(text.utf8)[...]
        while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        if bytes.count == 9, let first = bytes.first, first | 0x20 == UInt8(ascii: "p"),
            bytes.dropFirst().allSatisfy(isDigit)
        {
            bytes.removeFirst()
        }
        return wholeNumber(bytes) ?? String(decoding: bytes, as: UTF8.self)
    }

    /// The digits of a whole number: `007`, `7.0`, `7.`, `1.0e+1`; nil for other texts. An exponent counts only where a point
    /// or a sign shows that it is one: `1e5` may be a name.
    private static func wholeNumber(_ bytes: ArraySlice<UInt8>) -> String? {
        let whole = bytes.prefix(while: isDigit)
        var rest = bytes.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        guard !whole.isEmpty else { return nil }
        let hasPoint = rest.first == UInt8(ascii: ".")
        if hasPoint {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count + 1)
        }
        var exponent = 0
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            let power = String(decoding: rest.dropFirst(), as: UTF8.self)
            guard hasPoint || power.hasPrefix("+"), let value = Int(power), (0...40).contains(value) else { return nil }
            exponent = value
            rest = []
        }
        guard rest.isEmpty else { return nil }
        // The point moves to the right over the fraction's digits.
        let moved = fraction.prefix(exponent)
        guard fraction.dropFirst(exponent).allSatisfy({ $0 == UInt8(ascii: "0") }) else { return nil }
        let digits = whole + moved + [UInt8](repeating: UInt8(ascii: "0"), count: exponent - moved.count)
        let significant = digits.drop { $0 == UInt8(ascii: "0") }
        return significant.isEmpty ? "0" : String(decoding: significant, as: UTF8.self)
    }

    /// The number of a name of letters with a number at its end, such as `patient00007`, which a bare `7` elsewhere may mean
    /// as well; nil for other names.
    static func number(of canonical: String) -> String? {
        let bytes = Array(canonical.utf8)
        let digits = bytes.reversed().prefix(while: isDigit).count
        let letters = bytes.dropLast(digits)
        guard digits > 0, !letters.isEmpty, !letters.contains(where: isDigit) else { return nil }
        return wholeNumber(bytes.suffix(digits))
    }

    /// Whether a canonical name is a whole number.
    static func isNumber(_ canonical: String) -> Bool {
        !canonical.isEmpty && canonical.utf8.allSatisfy(isDigit)
    }

    /// The patient whom a path in the layout of MIMIC-CXR names (`files/p10/p10000032/s50414267/….jpg`), or nil.
    public static func inPath(_ path: String) -> String? {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"))
        for (patient, study) in zip(parts, parts.dropFirst()) {
            guard patient.count == 9, patient.first == UInt8(ascii: "p"), patient.dropFirst().allSatisfy(isDigit),
                study.first == UInt8(ascii: "s")
            else { continue }
            let number = study.dropFirst().prefix(while: isDigit)
            let after = study.dropFirst(1 + number.count).first
            if !number.isEmpty, after == nil || after == UInt8(ascii: ".") {
                return canonical(String(Substring(patient)))
            }
        }
        return nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

/// Names that were seen, which finds two spellings of which nobody can tell whether they mean one patient.
struct PatientNames {
    /// Where each name was seen first.
    private var places: [TextKey: String] = [:]
    /// The name of letters and a number whose number was seen, and where.
    private var numbered: [TextKey: (name: String, place: String)] = [:]

    /// Takes a canonical name; `place` is where it stands, for the error, such as `t.csv: row 3`.
    /// - Throws: `DatasetError.value` where a bare number here is a number after letters there.
    mutating func add(_ name: String, _ place: @autoclosure () -> String) throws {
        guard places[TextKey(name)] == nil else { return }
        let place = place()
        places[TextKey(name)] = place
        if PatientName.isNumber(name) {
            if let other = numbered[TextKey(name)] { throw unclear(name, place, other.name, other.place) }
        } else if let number = PatientName.number(of: name) {
            if let other = places[TextKey(number)] { throw unclear(number, other, name, place) }
            numbered[TextKey(number)] = (name, place)
        }
    }

    private func unclear(_ number: String, _ place: String, _ name: String, _ otherPlace: String) -> DatasetError {
        .value(
            operation: "patients",
            message: "\(excerpt(number)) (\(place)) and \(excerpt(name)) (\(otherPlace)) may be one patient or two; "
                + "spell the names of patients alike in all tables")
    }
}
