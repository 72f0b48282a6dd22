/// Floating-point numbers as Python's `repr`, and so pandas' `to_csv`, writes them: the fewest digits that give the
/// number back, with an exponent below 1e-4 and from 1e16.
public enum PythonNumber {
    /// The text of a number; `nan`, `inf` and `-inf` for those.
    public static func text(_ value: Double) -> String {
        special(value) ?? layOut(value.magnitude.description, isNegative: value < 0)
    }

    /// The text of an f32, as NumPy writes it: the digits that give back the f32, which are fewer than those of the same f64.
    public static func text(_ value: Float) -> String {
        special(Double(value)) ?? layOut(value.magnitude.description, isNegative: value < 0)
    }

    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value > 0 ? "inf" : "-inf" }
        if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
        return nil
    }

    /// Swift's description holds the same shortest digits, only laid out otherwise for large numbers.
    private static func layOut(_ text: String, isNegative: Bool) -> String {
        var digits: [UInt8] = []
        var point = 0
        var exponent = 0
        var seenPoint = false
        let description = Array(text.utf8)
        for (index, byte) in description.enumerated() {
            if byte == UInt8(ascii: ".") {
                seenPoint = true
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(String(decoding: description[(index + 1)...], as: UTF8.self)) ?? 0
                break
            } else {
                digits.append(byte)
                if !seenPoint { point += 1 }
            }
        }
        point += exponent
        let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(leading)
        point -= leading
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        let sign = isNegative ? "-" : ""
        func part(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }
        // `point` counts the digits before the decimal point; the scientific exponent is one less.
        if point > 16 || point < -3 {
            let power = point - 1
            let fraction = digits.count > 1 ? "." + part(digits[1...]) : ""
            let magnitude = abs(power) < 10 ? "0\(abs(power))" : "\(abs(power))"
            return sign + part(digits[..<1]) + fraction + "e" + (power < 0 ? "-" : "+") + magnitude
        }
        if point <= 0 { return sign + "0." + zeros(-point) + part(digits[...]) }
        if digits.count <= point { return sign + part(digits[...]) + zeros(point - digits.count) + ".0" }
        return sign + part(digits[..<point]) + "." + part(digits[point...])
    }
}
