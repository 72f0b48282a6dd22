import Foundation

/// Quantiles of Student's t distribution.
public enum StudentQuantile {
    /// The t that a fraction `probability` (above ½) of a variable with so many degrees of freedom lies below.
    public static func value(_ probability: Double, degrees: Double) -> Double {
        var (low, high) = (0.0, 1.0)
        while below(high, degrees) < probability && high < 1e12 { high *= 2 }
        for _ in 0..<200 where high - low > 1e-12 * high {
            let middle = (low + high) / 2
            if below(middle, degrees) < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The probability of a value below `t`, which is not negative.
    private static func below(_ t: Double, _ degrees: Double) -> Double {
        1 - incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
    }

    /// The regularised incomplete beta function by its continued fraction (Abramowitz and Stegun 26.5.8, by Lentz's method).
    private static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        // The fraction converges fast only on this side.
        if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
        let scale: Double = lgamma(a + b) - lgamma(a) - lgamma(b)
        let front: Double = exp(scale + a * log(x) + b * log(1 - x)) / a
        let tiny = 1e-300
        func nonZero(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var (c, d) = (1.0, 1 / nonZero(1 - (a + b) * x / (a + 1)))
        var result = d
        for step in 1..<10_000 {
            let m = Double(step)
            let top = a + 2 * m
            let even: Double = m * (b - m) * x / ((top - 1) * top)
            let odd: Double = -(a + m) * (a + b + m) * x / (top * (top + 1))
            for factor in [even, odd] {
                d = 1 / nonZero(1 + factor * d)
                c = nonZero(1 + factor / c)
                result *= c * d
            }
            if abs(c * d - 1) < 1e-15 { break }
        }
        return front * result
    }
}
