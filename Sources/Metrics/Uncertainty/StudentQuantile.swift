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
        1 - IncompleteBeta.value(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
    }
}
