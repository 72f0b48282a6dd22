import Foundation

/// The grids on which diffusers spreads timesteps and sigmas, with NumPy's roundings.
enum TimestepGrid {
    /// `numpy.linspace` in f64.
    static func linspace(_ start: Double, _ end: Double, _ count: Int) -> [Double] {
        if count < 2 { return [Double](repeating: start, count: count) }
        let step = (end - start) / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? end : Double($0) * step + start }
    }

    /// `numpy.interp` at `x` of the values at 0, 1, 2, …
    static func interpolate(_ x: Float, _ values: [Float]) -> Double {
        let last = values.count - 1
        let x = Double(x)
        if x <= 0 { return Double(values[0]) }
        if x >= Double(last) { return Double(values[last]) }
        let index = Int(x)
        let (low, high) = (Double(values[index]), Double(values[index + 1]))
        return (high - low) * (x - Double(index)) + low
    }

    /// Multiples of a whole ratio, descending: `leading` spacing without its offset.
    static func leading(_ count: Int, ratio: Int) -> [Double] {
        (0..<count).reversed().map { Double($0 * ratio) }
    }

    /// Down from `last` in equal parts of all training timesteps, rounded, less 1: `trailing` spacing.
    ///
    /// `numpy.arange` yields one value too many for some counts (61 of 1000 is the first), for which diffusers then
    /// has a timestep -1; it is left out here.
    static func trailing(_ count: Int, last: Int, of total: Int) -> [Double] {
        let ratio = Double(total) / Double(count)
        let start = Double(last)
        let step = (start - ratio) - start
        var result: [Double] = []
        for index in 0..<count {
            let timestep = (start + Double(index) * step).rounded(.toNearestOrEven) - 1
            if timestep < 0 { break }
            result.append(timestep)
        }
        return result
    }

    /// Sigmas of Karras et al., equation 5, ρ = 7, descending.
    static func karras(_ count: Int, from largest: Double, to smallest: Double) -> [Double] {
        let (low, high) = (pow(smallest, 1 / 7.0), pow(largest, 1 / 7.0))
        return linspace(0, 1, count).map { pow(high + $0 * (low - high), 7) }
    }

    /// Sigmas that are evenly spread in the logarithm, descending.
    static func exponential(_ count: Int, from largest: Double, to smallest: Double) -> [Double] {
        linspace(log(largest), log(smallest), count).map { exp($0) }
    }

    /// The timestep, with a fraction, at which the training had the logarithm of `sigma`; `logarithms` ascend.
    static func timestep(of sigma: Double, _ logarithms: [Float]) -> Double {
        let wanted = log(max(sigma, 1e-10))
        var low = 0
        var high = logarithms.count
        while low < high {
            let middle = (low + high) / 2
            if wanted - Double(logarithms[middle]) >= 0 { low = middle + 1 } else { high = middle }
        }
        let index = min(max(low - 1, 0), max(logarithms.count - 2, 0))
        let next = min(index + 1, logarithms.count - 1)
        let width = logarithms[index] - logarithms[next]
        let weight = min(max((Double(logarithms[index]) - wanted) / Double(width), 0), 1)
        return (1 - weight) * Double(index) + weight * Double(next)
    }
}
