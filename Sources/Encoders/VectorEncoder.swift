import Engine
import Networks
import Tensors

/// A network with one answer `[N, D]` for images as fractions.
protocol VectorNetwork: AnyObject {
    /// f32 `[N, D]` for pixels f32 `[N, H, W, 3]`.
    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value
}

extension SiameseResNet: VectorNetwork {}
extension BioViLTImageNetwork: VectorNetwork {}

/// An encoder of one output: a function of its network's answers to images `[H, W, 3]`, bytes, which become fractions, or f32.
protocol VectorEncoder: FileEncoder {
    associatedtype Network: VectorNetwork
    /// The network.
    var network: Network { get }
    /// Features f32 `[N, D]` of the network's answers f32 `[N, D]`.
    func features(_ answers: Tensor) throws -> Tensor
}

extension VectorEncoder {
    /// Features f32 `[N, D]` of images `[H, W, 3]`: bytes, or f32 as `preprocess` gives them.
    /// - Throws: `TensorError` for other images or outputs; `FileError` where the weight file was changed in use.
    public func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        for output in outputs { _ = try self.output(output) }
        let features = try run(images)
        return outputs.map { _ in features }
    }

    /// Features f32 `[N, D]` of images `[N, H, W, 3]`, bytes or f32.
    public func forward(_ x: Tensor) throws -> Tensor { try run(EncoderInput.images(x)) }

    private func run(_ images: [Tensor]) throws -> Tensor {
        try EncoderInput.check(images, side: 32, name: name)
        if images.isEmpty { return try Tensor(uninitialized: [0, dimension]) }
        let answers = try EncoderInput.grouped(images) { try run($0, on: model.executor) }
        try model.checkpoint.checkUnchanged()
        return try features(answers)
    }

    private func run<X: Executor>(_ images: [Tensor], on executor: X) throws -> Tensor {
        try executor.map(images.count, .pieces(atMost: 1)) { [network] execution, rows -> [X.Run.Value] in
            let values = try execution.value(EncoderInput.stack(images[rows]))
            let pixels = values.dtype == .u8 ? try execution.pixels(values, .fractions) : values
            return [try network.forward(pixels, on: execution)]
        }[0]
    }
}
