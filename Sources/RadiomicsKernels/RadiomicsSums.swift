/// Sums over the values of a region.
public enum RadiomicsSums {
    /// The smallest and largest value; `count` is at least 1, no value is NaN.
    public static func range(_ values: UnsafePointer<Double>, count: Int) -> (minimum: Double, maximum: Double) {
        var low = SIMD8(repeating: values[0])
        var high = low
        var index = 0
        while index + 8 <= count {
            let taken = UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Double>.self)
            low.replace(with: taken, where: taken .< low)
            high.replace(with: taken, where: taken .> high)
            index += 8
        }
        var minimum = low.min()
        var maximum = high.max()
        while index < count {
            minimum = min(minimum, values[index])
            maximum = max(maximum, values[index])
            index += 1
        }
        return (minimum, maximum)
    }

    /// What first-order features need beside order statistics.
    public struct Central {
        /// The sum of `(x + shift)²`.
        public var energy = 0.0
        /// The sum of `|x - mean|`.
        public var absolute = 0.0
        /// The sum of the second powers of `x - mean`.
        public var second = 0.0
        /// The sum of the third powers.
        public var third = 0.0
        /// The sum of the fourth powers.
        public var fourth = 0.0

        /// Sums of no values.
        public init() {}

        init(energy: Double, absolute: Double, second: Double, third: Double, fourth: Double) {
            self.energy = energy
            self.absolute = absolute
            self.second = second
            self.third = third
            self.fourth = fourth
        }
    }

    /// The sums over all values, given their mean.
    public static func central(
        _ values: UnsafePointer<Double>, count: Int, mean: Double, shift: Double
    ) -> Central {
        var energy = SIMD8<Double>()
        var absolute = SIMD8<Double>()
        var second = SIMD8<Double>()
        var third = SIMD8<Double>()
        var fourth = SIMD8<Double>()
        func add(_ value: SIMD8<Double>, _ valid: SIMD8<Double>) {
            let shifted = (value + shift) * valid
            let centred = (value - mean) * valid
            let square = centred * centred
            energy += shifted * shifted
            absolute += centred.replacing(with: -centred, where: centred .< 0)
            second += square
            third += square * centred
            fourth += square * square
        }
        let ones = SIMD8<Double>(repeating: 1)
        var index = 0
        while index + 8 <= count {
            add(UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Double>.self), ones)
            index += 8
        }
        if index < count {
            var rest = SIMD8<Double>()
            var valid = SIMD8<Double>()
            for lane in 0..<(count - index) {
                rest[lane] = values[index + lane]
                valid[lane] = 1
            }
            add(rest, valid)
        }
        return Central(
            energy: energy.sum(), absolute: absolute.sum(), second: second.sum(), third: third.sum(),
            fourth: fourth.sum())
    }

    /// The mean absolute deviation of the values within `low ... high` from their own mean; NaN where there are none.
    public static func robustDeviation(
        _ values: UnsafePointer<Double>, count: Int, low: Double, high: Double
    ) -> Double {
        var sum = SIMD8<Double>()
        var number = SIMD8<Double>()
        func members(_ value: SIMD8<Double>) -> SIMDMask<SIMD8<Int64>> { (value .>= low) .& (value .<= high) }
        let whole = count - count % 8
        for index in stride(from: 0, to: whole, by: 8) {
            let value = UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Double>.self)
            let inside = members(value)
            sum += SIMD8<Double>().replacing(with: value, where: inside)
            number += SIMD8<Double>().replacing(with: 1, where: inside)
        }
        var total = sum.sum()
        var members_ = number.sum()
        for index in whole..<count where values[index] >= low && values[index] <= high {
            total += values[index]
            members_ += 1
        }
        let mean = total / members_
        var deviation = SIMD8<Double>()
        for index in stride(from: 0, to: whole, by: 8) {
            let value = UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Double>.self)
            let inside = members(value)
            let centred = value - mean
            let absolute = centred.replacing(with: -centred, where: centred .< 0)
            deviation += SIMD8<Double>().replacing(with: absolute, where: inside)
        }
        var result = deviation.sum()
        for index in whole..<count where values[index] >= low && values[index] <= high {
            result += abs(values[index] - mean)
        }
        return result / members_
    }
}
