import Foundation

/// Numbers, sizes and times as people read them.
enum Readable {
    /// A number with four digits that count, and two decimals at least: `0.002340`, `54.23`, `118.93`, `1.2e-07`.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "—" : value < 0 ? "−∞" : "∞" }
        let size = abs(value)
        if size == 0 { return "0" }
        if size >= 1e7 || size < 1e-4 { return minus(String(format: "%.2e", value)) }
        let decimals = max(2, min(7, 3 - Int(log10(size).rounded(.down))))
        return minus(String(format: "%.\(decimals)f", value))
    }

    /// A number with so many decimals.
    static func number(_ value: Double, decimals: Int) -> String {
        let text = minus(String(format: "%.\(decimals)f", value))
        return Double(text.replacingOccurrences(of: "−", with: "-")) == 0
            ? text.replacingOccurrences(of: "−", with: "") : text
    }

    private static func minus(_ text: String) -> String {
        text.hasPrefix("-") ? "−" + text.dropFirst() : text
    }

    /// A count with spaces between thousands.
    static func count(_ value: Int) -> String {
        var digits = Array(String(value.magnitude))
        var place = digits.count - 3
        while place > 0 {
            digits.insert("\u{202F}", at: place)
            place -= 3
        }
        return (value < 0 ? "−" : "") + String(digits)
    }

    /// How much a count is of: `1 film`, `12 films`.
    static func count(_ value: Int, _ word: String, _ plural: String? = nil) -> String {
        "\(count(value)) \(value == 1 ? word : plural ?? word + "s")"
    }

    /// `340 B`, `1.2 MB`.
    static func bytes(_ value: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var size = Double(value)
        var unit = 0
        while size >= 1000, unit < units.count - 1 {
            size /= 1000
            unit += 1
        }
        return unit == 0 ? "\(value) B" : String(format: size < 10 ? "%.1f %@" : "%.0f %@", size, units[unit])
    }

    /// `23 s`, `4 min 10 s`, `3 h 05 min`.
    static func seconds(_ value: Double) -> String {
        guard value.isFinite, value >= 0, value < 1e9 else { return "—" }
        if value < 10 { return String(format: "%.1f s", value) }
        let whole = Int(value.rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(String(format: "%02d", whole % 3600 / 60)) min"
    }

    /// `2026-11-28 04:07 UTC` of `2026-11-28T04:07:13Z`; other texts as they are.
    static func time(_ text: String) -> String {
        guard text.utf8.count == 20, text.hasSuffix("Z"), let mark = text.firstIndex(of: "T") else { return text }
        return "\(text[..<mark]) \(text[text.index(after: mark)...].prefix(5)) UTC"
    }

    /// A text cut to so many characters.
    static func cut(_ text: String, _ count: Int) -> String {
        text.count <= count ? text : text.prefix(count - 1) + "…"
    }
}
