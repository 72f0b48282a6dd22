import Engine
import EngineCPU
import Tensors

extension Recorder {
    /// Linear attention as inference runs it; the way back sums up the keys again.
    public func linearAttention(
        _ layer: LinearAttention, query: Variable, key: Variable, value: Variable
    ) throws -> Variable {
        let inputs = [try plain(query), try plain(key), try plain(value)]
        let target = try execution.linearAttention(
            layer, query: inputs[0].stored, key: inputs[1].stored, value: inputs[2].stored)
        let output = result(target, query.shape, of: inputs)
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let flowing = try inputs.map { try execution.allocate($0.shape, .f32) }
            for image in 0..<query.shape[0] {
                try Cancellation.check()
                for head in 0..<layer.heads {
                    try LinearAttentionGradient(layer, image: image, head: head).write(
                        flowing, of: inputs.map(\.stored), target, gradient)
                }
            }
            for (input, tensor) in zip(inputs, flowing) where input.requiresGradient { try input.slot.add(tensor) }
        }
        return output
    }
}

/// The gradients of one head of one image.
///
/// With Q and K rectified, S = Kᵀ V, z the sum of K's rows, n = Q S, d = Q z + ε and the result's gradient G, let N = G / d
/// and D = -(rows' sums of G ∘ n / d) / d. Then the gradients are N Sᵀ + D zᵀ for Q, V (Qᵀ N)ᵀ + the row Dᵀ Q for K, and
/// K Qᵀ N for V; those of Q and K go on where these are above 0.
private struct LinearAttentionGradient {
    let layer: LinearAttention
    let image, head: Int

    init(_ layer: LinearAttention, image: Int, head: Int) {
        (self.layer, self.image, self.head) = (layer, image, head)
    }

    func write(_ flowing: [Tensor], of inputs: [Tensor], _ result: Tensor, _ gradient: Tensor) throws {
        let (query, key) = (try rectified(part(inputs[0])), try rectified(part(inputs[1])))
        let value = try part(inputs[2]).contiguous()
        let size = layer.headSize
        let sums = try key.transposed(0, 1).matmul(value)
        let total = try Tensor.ones([1, key.shape[0]]).matmul(key)
        let divisors = try query.matmul(total.transposed(0, 1)).array(Float.self).map { $0 + Float(layer.epsilon) }
        let slopes = try part(gradient).clone()
        let outcome = try part(result).contiguous()
        let shares = try Tensor(uninitialized: [divisors.count, 1])
        let (g, n, s) = (Elementwise.floats(slopes), Elementwise.floats(outcome), Elementwise.floats(shares))
        for (row, divisor) in divisors.enumerated() {
            var product = 0.0
            for index in row * size..<(row + 1) * size {
                product += Double(g[index]) * Double(n[index])
                g[index] /= divisor
            }
            s[row] = -Float(product) / divisor
        }
        withExtendedLifetime(outcome) {}
        let weighed = try query.transposed(0, 1).matmul(slopes)
        try write(
            slopes.matmul(sums.transposed(0, 1)), plus: shares.matmul(total), where: query, to: flowing[0])
        try write(
            value.matmul(weighed.transposed(0, 1)),
            plus: Tensor.ones([key.shape[0], 1]).matmul(shares.transposed(0, 1).matmul(query)), where: key,
            to: flowing[1])
        try write(key.matmul(weighed), to: flowing[2])
    }

    /// The rows of this image and the channels of this head.
    private func part(_ tensor: Tensor) throws -> Tensor {
        try tensor.narrow(0, image, 1).reshaped([tensor.shape[1], tensor.shape[2]])
            .narrow(1, head * layer.headSize, layer.headSize)
    }

    private func rectified(_ tensor: Tensor) throws -> Tensor {
        let made = try tensor.clone()
        let numbers = Elementwise.floats(made)
        for index in 0..<made.count where numbers[index] < 0 { numbers[index] = 0 }
        return made
    }

    /// Puts a sum of two matrices to its place; where a rectified value is 0 it is 0.
    private func write(
        _ first: Tensor, plus second: Tensor? = nil, where positive: Tensor? = nil, to target: Tensor
    ) throws {
        let parts = [try first.contiguous(), try second?.contiguous(), positive]
        let numbers = parts.map { $0.map { Elementwise.floats($0) } }
        let (size, channels) = (layer.headSize, target.shape[2])
        let to = Elementwise.floats(target) + image * target.shape[1] * channels + head * size
        for row in 0..<target.shape[1] {
            for channel in 0..<size {
                let index = row * size + channel
                let sum = (numbers[0]?[index] ?? 0) + (numbers[1]?[index] ?? 0)
                to[row * channels + channel] = numbers[2].map { $0[index] > 0 } ?? true ? sum : 0
            }
        }
        withExtendedLifetime(parts) {}
    }
}
