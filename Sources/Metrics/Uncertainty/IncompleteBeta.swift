import Foundation

/// The regularised incomplete beta function, the distribution function of the beta distribution.
enum IncompleteBeta {
    /// I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8, by Lentz's method); `a` and `b` are above 0.
    static func value(_ x: Double, _ a: Double, _ b: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        // The fraction converges fast only on this side.
        if x > (a + 1) / (a + b + 2) { return 1 - value(1 - x, b, a) }
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

    /// The x that a fraction `probability` of the beta distribution of `a` and `b` lies below.
    static func quantile(_ probability: Double, _ a: Double, _ b: Double) -> Double {
        var (low, high) = (0.0, 1.0)
        for _ in 0..<200 where high - low > 1e-15 * high {
            let middle = (low + high) / 2
            if value(middle, a, b) < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}
