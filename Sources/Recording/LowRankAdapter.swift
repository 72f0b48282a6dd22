import Engine
import Tensors

/// What is trained beside a linear layer that stays as it is (LoRA; Hu et al., 2022): W x + b + scale · B A dropout(x).
public final class LowRankAdapter {
    /// The weight of the layer, `[outputs, inputs]`.
    public let weight: Parameter
    /// A, `[rank, inputs]`.
    public let down: TrainedParameter
    /// B, `[outputs, rank]`.
    public let up: TrainedParameter
    /// What the product is multiplied by: α / rank.
    public let scale: Float
    /// The share of the input's values that is dropped in training.
    public let dropout: Double

    /// An adapter that begins with these matrices.
    /// - Parameter name: what the names of both begin with, in files.
    /// - Throws: `TensorError.shape` where they do not fit the weight.
    public init(
        beside weight: Parameter, name: String, down: Tensor, up: Tensor, scale: Float, dropout: Double = 0
    ) throws {
        guard weight.shape.count == 2, down.rank == 2, up.rank == 2, down.shape[1] == weight.shape[1],
            up.shape == [weight.shape[0], down.shape[0]], down.shape[0] > 0
        else {
            throw TensorError.shape(
                operation: name,
                message: "A \(Tensor.text(down.shape)) and B \(Tensor.text(up.shape)) do not fit "
                    + "\(weight.name) \(Tensor.text(weight.shape))")
        }
        self.weight = weight
        self.down = try TrainedParameter(name + ".lora_A.weight", down)
        self.up = try TrainedParameter(name + ".lora_B.weight", up)
        self.scale = scale
        self.dropout = dropout
    }

    /// Channels between A and B.
    public var rank: Int { down.shape[0] }
}

extension Recorder {
    /// scale · B A dropout(x).
    func product(_ adapter: LowRankAdapter, number: Int, _ x: Variable) throws -> Variable {
        let kept = try dropout(x, adapter.dropout, layer: number)
        let low = try product(kept, .trained(adapter.down), bias: nil)
        return try product(affine(low, factor: adapter.scale, summand: 0), .trained(adapter.up), bias: nil)
    }
}
