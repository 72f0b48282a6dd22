import Foundation

/// A straight scale with round marks.
struct Axis {
    let low: Double
    let high: Double
    let start: Double
    let end: Double

    /// The scale of some values between two places on the page; values that are not finite are passed over. `zero` draws the
    /// end to 0 where it is near.
    init(_ values: some Sequence<Double>, from start: Double, to end: Double, padding: Double = 0.06) {
        var low = Double.infinity
        var high = -Double.infinity
        for value in values where value.isFinite && abs(value) < 1e300 {
            low = min(low, value)
            high = max(high, value)
        }
        if low > high { (low, high) = (0, 1) }
        if low == high {
            let room = low == 0 ? 1 : abs(low) * 0.1
            (low, high) = (low - room, high + room)
        }
        let isPositive = low >= 0
        let room = (high - low) * padding
        (self.low, self.high) = (isPositive ? max(0, low - room) : low - room, high + room)
        (self.start, self.end) = (start, end)
    }

    /// A scale with known ends.
    init(low: Double, high: Double, from start: Double, to end: Double) {
        (self.low, self.high, self.start, self.end) = (low, high, start, end)
    }

    /// Where a value stands; what lies beyond stands at the end.
    func place(_ value: Double) -> Double {
        let share = (min(max(value, low), high) - low) / (high - low)
        return start + (end - start) * (share.isNaN ? 0 : share)
    }

    /// Round values, about so many, with the texts that tell them apart.
    func marks(_ count: Int = 4) -> [(place: Double, text: String)] {
        let raw = (high - low) / Double(count)
        guard raw.isFinite, raw > 0 else { return [] }
        let power = pow(10, log10(raw).rounded(.down))
        let step = ([1, 2, 2.5, 5, 10].first { $0 * power >= raw * 0.999 } ?? 10) * power
        let decimals = max(0, min(8, Int((-log10(step)).rounded(.up)) + (step / power == 2.5 ? 1 : 0)))
        let isLarge = max(abs(low), abs(high)) >= 1e6
        var marks: [(place: Double, text: String)] = []
        var index = (low / step - 1e-9).rounded(.up)
        while index * step <= high + step * 1e-9, marks.count < 20 {
            let value = index * step
            marks.append((place(value), isLarge ? Readable.number(value) : Readable.number(value, decimals: decimals)))
            index += 1
        }
        return marks
    }
}
