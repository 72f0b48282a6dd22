/// Steps of optimizers on a run of parameters; f32, serial: the caller cuts the work.
public enum NetOptimizer {
    /// The constants of a step of Adam. Decay is added to the gradient (Adam) or taken off the weight first (AdamW).
    public struct Adam: Sendable {
        public var beta1, beta2, epsilon, decay, shrink, stepSize, inverseCorrection, gradientScale: Float

        /// - Parameters:
        ///   - decay: is multiplied to the weight and added to the gradient.
        ///   - shrink: is multiplied to the weight before the step.
        ///   - stepSize: learning rate / (1 - β₁^t).
        ///   - inverseCorrection: 1 / √(1 - β₂^t).
        ///   - gradientScale: is multiplied to the gradient first.
        public init(
            beta1: Float, beta2: Float, epsilon: Float, decay: Float, shrink: Float, stepSize: Float,
            inverseCorrection: Float, gradientScale: Float
        ) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.decay = decay
            self.shrink = shrink
            self.stepSize = stepSize
            self.inverseCorrection = inverseCorrection
            self.gradientScale = gradientScale
        }
    }

    /// Adam (Kingma and Ba, 2015), in the order of PyTorch's operations.
    public static func adam(
        _ weight: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, mean: UnsafeMutablePointer<Float>,
        square: UnsafeMutablePointer<Float>, count: Int, _ step: Adam
    ) {
        let (rest1, rest2) = (1 - step.beta1, 1 - step.beta2)
        for index in 0..<count {
            let value = weight[index] * step.shrink
            let slope = (gradient[index] * step.gradientScale).addingProduct(step.decay, value)
            let first = mean[index] + (slope - mean[index]) * rest1
            let second = square[index] * step.beta2 + rest2 * slope * slope
            mean[index] = first
            square[index] = second
            weight[index] =
                value - step.stepSize * first / (second.squareRoot() * step.inverseCorrection + step.epsilon)
        }
    }

    /// Gradient descent with momentum (PyTorch's `SGD`): v = μ v + (1 - dampening) g, w -= rate · v.
    /// - Parameters:
    ///   - velocity: null without momentum.
    ///   - isFirst: the first step takes the gradient as the velocity.
    public static func sgd(
        _ weight: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, velocity: UnsafeMutablePointer<Float>?,
        count: Int, rate: Float, decay: Float, momentum: Float, dampening: Float, nesterov: Bool, isFirst: Bool,
        gradientScale: Float
    ) {
        for index in 0..<count {
            let slope = (gradient[index] * gradientScale).addingProduct(decay, weight[index])
            guard let velocity else {
                weight[index] -= rate * slope
                continue
            }
            let moved = isFirst ? slope : velocity[index] * momentum + slope * (1 - dampening)
            velocity[index] = moved
            weight[index] -= rate * (nesterov ? slope + momentum * moved : moved)
        }
    }

    /// The sum of squares.
    public static func squareSum(_ values: UnsafePointer<Float>, count: Int) -> Double {
        var sums = SIMD8<Double>.zero
        var index = 0
        while index + 8 <= count {
            let value = SIMD8<Double>(
                UnsafeRawPointer(values).loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self))
            sums = sums.addingProduct(value, value)
            index += 8
        }
        var sum = sums.sum()
        while index < count {
            sum += Double(values[index]) * Double(values[index])
            index += 1
        }
        return sum
    }
}
