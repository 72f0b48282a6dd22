import Tensors

extension LoRA {
    /// What is added to a layer's weights, factor · B A.
    public struct Matrices {
        /// A `[r, inputs]`, or `[r, inputs, height, width]`.
        public let down: Tensor
        /// B `[outputs, r]`.
        public let up: Tensor
        /// α / r.
        public let factor: Double
    }

    /// The names of the layers that are changed, without what files put before them, in the order of the file.
    public var modules: [String] { layers.map(\.place.module) }

    /// The matrices of a layer by its name in `modules`; nil where it is not changed.
    /// - Throws: `FileError` where the file was changed.
    public func matrices(of module: String) throws -> Matrices? {
        guard let layer = layers.first(where: { $0.place.module == module }) else { return nil }
        return Matrices(down: try checkpoint[layer.down], up: try checkpoint[layer.up], factor: layer.factor)
    }
}
